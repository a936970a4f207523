"""One module a command; ``cli.main`` loads only the one that was called."""
