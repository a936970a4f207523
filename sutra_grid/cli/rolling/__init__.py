"""Restarting many nodes, a few at a time: which comes next, and carrying it out."""
