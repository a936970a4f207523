"""The shared registry on SQLAlchemy; sessions never leave this package. Imports core only."""

from sutra_grid.registry.registry import Registry
from sutra_grid.registry.values import AgentPulse, GridCounts, NodeCount, Observations, Request

__all__ = ["AgentPulse", "GridCounts", "NodeCount", "Observations", "Registry", "Request"]
