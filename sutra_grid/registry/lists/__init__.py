"""Pages of agents and nodes, and the grid in numbers: reads of many rows."""
