"""The shared registry on SQLAlchemy; sessions never leave this package. Imports core only."""

from sutra_grid.registry.paging import DEFAULT_LIMIT, MAX_LIMIT, Page
from sutra_grid.registry.queries import (
    AgentCell,
    AgentQuery,
    AgentSort,
    EventQuery,
    ListedAgent,
    ListedNode,
    NodeQuery,
    NodeSort,
)
from sutra_grid.registry.registry import Registry
from sutra_grid.registry.values import AgentPulse, GridCounts, NodeCount, Observations, Request

__all__ = [
    "DEFAULT_LIMIT",
    "MAX_LIMIT",
    "AgentCell",
    "AgentPulse",
    "AgentQuery",
    "AgentSort",
    "EventQuery",
    "GridCounts",
    "ListedAgent",
    "ListedNode",
    "NodeCount",
    "NodeQuery",
    "NodeSort",
    "Observations",
    "Page",
    "Registry",
    "Request",
]
