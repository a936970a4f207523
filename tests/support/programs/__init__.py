"""Programs that run as storage nodes, well or badly."""
