"""TLS of the daemons: its section of the configuration, and files that are taken up when they are replaced."""
