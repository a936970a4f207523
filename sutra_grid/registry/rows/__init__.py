"""Statements that read and change the rows of one subject each, within the caller's transaction."""
