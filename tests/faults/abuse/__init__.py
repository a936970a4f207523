"""Requests with bad or arbitrary content, by the thousands."""
