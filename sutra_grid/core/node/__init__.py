"""The state machine of one node's process: events in, instructions out. Pure."""
