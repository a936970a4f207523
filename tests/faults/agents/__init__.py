"""An agent ends at any step, is there twice, or finds its journal damaged."""
