"""Pure decisions of the grid: no I/O, no threads, no clock reads, standard library only."""
