"""Deletes what is too old from the registry: events, idempotency records, tombstones."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from sutra_grid.core.errors import GridError
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import Clock, RetentionClock
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.ticker import Ticker

log = get_logger(__name__)

#: Each run deletes a bounded number of rows, so that it holds the registry's lock shortly.
PRUNE_INTERVAL_SECONDS = 60.0


class Pruner:
    """A context manager around its thread. Tests call ``prune`` without it.

    ``events_max_age_ms`` and ``max_events`` bound the events. The registry itself bounds the age of idempotency
    records and of tombstones.
    """

    def __init__(self, registry: Registry, clock: Clock, events_max_age_ms: int, max_events: int) -> None:
        self._registry = registry
        self._events_max_age_ms = events_max_age_ms
        self._max_events = max_events
        self._wall = RetentionClock(clock)  # used by the pruner's thread only
        self._ticker = Ticker("pruner", PRUNE_INTERVAL_SECONDS, self.prune)

    def prune(self) -> None:
        """Delete old rows. A registry that does not answer is left for the next run."""
        try:
            self._registry.prune(self._wall.wall_ms(), self._events_max_age_ms, self._max_events)
        except GridError as error:
            log.warning("registry was not pruned", why=error)

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ticker.stop()
