"""Certificates: make a grid's authority, issue, read, write and describe them, and look at those of a server."""
