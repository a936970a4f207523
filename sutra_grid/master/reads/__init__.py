"""Reads of clients: answered from memory, from the registry, or by an agent."""
