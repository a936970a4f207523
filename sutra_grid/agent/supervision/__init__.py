"""What decides and acts for all nodes of an agent: the supervisor's thread, the executor of instructions, admission and adoption."""
