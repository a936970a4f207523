"""The master: registration, failure detection, deployment, reconciliation."""
