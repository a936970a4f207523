"""One module per command. ``cli.main`` loads only the one that is called."""
