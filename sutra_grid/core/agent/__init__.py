"""What the master decides about one agent and its host: liveness, sessions, reachability, conflicts, removal. Pure."""
