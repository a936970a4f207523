"""Commands of clients: record the desired state, call the agent, answer once per idempotency key."""
