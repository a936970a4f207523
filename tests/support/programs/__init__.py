"""Programs that run as storage nodes in tests, each with its engine configuration: well-behaved or not."""
