"""A node ends, hangs, exceeds a limit, or cannot be started."""
