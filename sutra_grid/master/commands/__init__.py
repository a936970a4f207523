"""Commands of clients: record what is desired, have the agent carry it out, answer once per idempotency key."""
