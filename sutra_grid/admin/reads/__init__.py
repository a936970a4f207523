"""What the API and the pages read from the registry, and the logs that the master forwards."""
