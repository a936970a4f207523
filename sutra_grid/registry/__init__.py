"""The shared registry on SQLAlchemy; sessions never leave this package. Imports core and runtime."""

from sutra_grid.registry.access import Revocations
from sutra_grid.registry.database.engine import sqlite_file
from sutra_grid.registry.database.faults import RegistryDamaged
from sutra_grid.registry.lists.paging import DEFAULT_LIMIT, MAX_LIMIT, Page
from sutra_grid.registry.lists.queries import (
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
from sutra_grid.registry.repair.rebuild import SetAside, set_damaged_aside
from sutra_grid.registry.values import AgentPulse, Contents, GridCounts, IdempotencyRecord, NodeCount, Observations

__all__ = [
    "DEFAULT_LIMIT",
    "MAX_LIMIT",
    "AgentCell",
    "AgentPulse",
    "AgentQuery",
    "AgentSort",
    "Contents",
    "EventQuery",
    "GridCounts",
    "IdempotencyRecord",
    "ListedAgent",
    "ListedNode",
    "NodeCount",
    "NodeQuery",
    "NodeSort",
    "Observations",
    "Page",
    "Registry",
    "RegistryDamaged",
    "Revocations",
    "SetAside",
    "set_damaged_aside",
    "sqlite_file",
]
