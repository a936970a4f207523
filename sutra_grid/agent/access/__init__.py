"""Certificates on an agent's host: joining, renewal, those of its nodes, and the list of revoked ones."""
