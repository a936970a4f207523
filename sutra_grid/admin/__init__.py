"""The admin: an HTTP API over the shared registry."""
