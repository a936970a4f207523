"""A whole grid in memory that runs through thousands of histories; see ``test_grid_model``."""
