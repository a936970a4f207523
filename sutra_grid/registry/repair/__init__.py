"""Checks a registry for damage, sets a damaged one aside, and fills a new one from a master's memory."""
