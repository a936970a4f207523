"""Parts of the grid as a test scripts them: clock, processes, agents and masters on real servers."""
