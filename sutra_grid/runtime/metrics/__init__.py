"""What the daemons measure, for Prometheus: the endpoint, and what master and agent have in common."""
