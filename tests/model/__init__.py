"""A whole grid in memory, driven through thousands of histories; see ``test_grid_model``."""
