"""The cluster state in the master's memory: agents, nodes, slots and pending assignments under one lock."""
