"""The shared registry on SQLAlchemy; sessions never leave this package. Imports core only."""

from sutra_grid.registry.registry import Registry
from sutra_grid.registry.values import Observations, Request

__all__ = ["Observations", "Registry", "Request"]
