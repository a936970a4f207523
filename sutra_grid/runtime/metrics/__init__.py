"""Metrics of the daemons for Prometheus: the endpoint, its configuration, process metrics."""
