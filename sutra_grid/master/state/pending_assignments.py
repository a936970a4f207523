"""Which nodes' agents are being called with an assignment right now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock


class PendingAssignments:
    """Thread-safe: every method takes the lock of the cluster state and is short."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._calls: Counter[str] = Counter()  # node id -> calls under way; guarded by _lock

    @contextmanager
    def call(self, node_id: str) -> Iterator[None]:
        """Mark a node for the time of a call to its agent. The lock is not held meanwhile."""
        with self._lock:
            self._calls[node_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._calls[node_id] -= 1
                self._calls += Counter()  # drops the zeros

    def is_called(self, node_id: str) -> bool:
        """Whether an agent is being called about the node."""
        with self._lock:
            return self._calls[node_id] > 0
