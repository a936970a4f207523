"""Which agents belong to the grid and are alive: registration, heartbeats, status changes."""
