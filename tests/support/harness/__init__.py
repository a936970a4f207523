"""Real daemons and grids that a test starts, waits for and looks into."""
