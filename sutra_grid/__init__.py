"""Sutra Grid: a control plane for fleets of storage processes on a team's own hosts."""

__version__ = "0.1.0"
