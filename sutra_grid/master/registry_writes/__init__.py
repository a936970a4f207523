"""Writes observed state to the registry, deletes old rows, and restores a registry that is lost at run time."""
