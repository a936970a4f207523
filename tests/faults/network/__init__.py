"""Connections are cut, slow, half-open."""
