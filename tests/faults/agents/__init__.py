"""An agent ends at any step, runs twice, or finds its journal damaged."""
