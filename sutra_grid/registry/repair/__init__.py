"""Sets a damaged registry aside, and makes a lost one again from a master's memory."""
