"""Commands of clients: each records what is desired, has the agent carry it out, and answers once per idempotency key."""
