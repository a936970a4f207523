"""Compares reports of agents with the desired state, and writes the changes that follow to the registry."""
