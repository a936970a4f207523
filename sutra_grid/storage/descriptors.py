"""How a node's file descriptors are divided, so that clients can't take those that the store needs.

A store that can't open its next file can't write. So connections get what is left, not what comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.core.types import Reason

RESERVED: Final = 64
"""For the process itself, the store's logs and manifest, compactions and snapshots; an idle node uses 30."""
LEAST_TABLES: Final = 64
MOST_TABLES: Final = 512
"""Sorted files that stay open; more are opened and closed as they are read."""
LEAST_CONNECTIONS: Final = 64
MIN_LIMIT: Final = RESERVED + LEAST_TABLES + LEAST_CONNECTIONS


@dataclass(frozen=True, slots=True)
class DescriptorBudget:
    """The most sorted files and the most connections that are open at a time."""

    limit: int
    tables: int
    connections: int

    @classmethod
    def of(cls, limit: int) -> DescriptorBudget:
        """Divide ``limit``. Raises ``FailedPrecondition`` below ``MIN_LIMIT``."""
        if limit < MIN_LIMIT:
            raise FailedPrecondition(
                f"this process may open {limit} files, and a node needs {MIN_LIMIT}",
                reason=Reason.LIMIT_REACHED,
                hint=f"Raise the limit of open files where the node is started: ulimit -n {MIN_LIMIT} or more",
            )
        tables = min(MOST_TABLES, max(LEAST_TABLES, (limit - RESERVED) // 3))
        return cls(limit, tables, limit - RESERVED - tables)
