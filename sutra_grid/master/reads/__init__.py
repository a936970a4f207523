"""Reads of clients: from the state in memory, from the registry, or forwarded to an agent."""
