"""Reads of many rows: pages of agents, nodes and events, and the grid in numbers."""
