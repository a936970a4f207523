"""Samples the process table several times a second while the soak runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType

from support.harness.processes import NodeProcess

from soak.judge import ProcessJudge
from soak.ledger import Violation

SAMPLE_SECONDS = 0.2


class Watcher:
    """Context manager around the sampling thread. The lock guards the judge."""

    def __init__(self, node_ids: Collection[str], look: Callable[[], list[NodeProcess]]) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._judge = ProcessJudge(node_ids)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="soak-watcher", daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    @property
    def violations(self) -> list[Violation]:
        with self._lock:
            return list(self._judge.violations)

    def doom(self, processes: Iterable[NodeProcess]) -> None:
        """Announce what is about to be killed."""
        with self._lock:
            self._judge.doom(processes)

    @contextmanager
    def excused(self, node_id: str) -> Iterator[None]:
        """Within the context, the node's process may end by itself."""
        with self._lock:
            self._judge.excuse(node_id, True)
        try:
            yield
        finally:
            with self._lock:
                self._judge.sample(self._look())
                self._judge.excuse(node_id, False)

    def sample(self) -> list[NodeProcess]:
        """Take a sample now. Returns the table."""
        with self._lock:
            table = self._look()
            self._judge.sample(table)
        return table

    def missing(self) -> list[str]:
        table = self.sample()
        with self._lock:
            return self._judge.missing(table)

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            self.sample()
