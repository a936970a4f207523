"""What an agent keeps in its state directory: the journal of its nodes, its session, and the host's identity."""
