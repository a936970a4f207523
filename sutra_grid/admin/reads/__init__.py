"""Reads of the API and the pages: from the registry, and logs through the master."""
