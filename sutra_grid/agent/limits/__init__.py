"""Memory limits of nodes: control groups where the host allows them, sampled resident memory elsewhere."""
