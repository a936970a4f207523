"""Real daemons, grids and servers that a test starts, waits for and looks into; and the clients that ask them."""
