"""The agent: supervises the storage nodes of one host."""
