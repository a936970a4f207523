"""The shared registry on SQLAlchemy; sessions never leave this package. Imports core only."""

from sutra_grid.registry.engine import sqlite_file
from sutra_grid.registry.faults import RegistryDamaged
from sutra_grid.registry.rebuilding import SetAside, set_damaged_aside
from sutra_grid.registry.registry import Registry
from sutra_grid.registry.values import Contents, Observations, Request

__all__ = [
    "Contents",
    "Observations",
    "Registry",
    "RegistryDamaged",
    "Request",
    "SetAside",
    "set_damaged_aside",
    "sqlite_file",
]
