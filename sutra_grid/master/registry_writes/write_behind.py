"""Write-behind: what was observed reaches the registry in batches, at most a second late.

Handlers say here what changed and go on; one thread writes it, as the grid in memory has it at that
moment: two threads may come here in another order than their changes came true. When the registry
does not answer, what is dirty stays, merged and bounded, and is written by the first tick that
succeeds. Nothing that decides what should run passes through here.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType
from typing import Self, TypeVar

from sutra_grid.core.errors import GridError
from sutra_grid.core.types import Event, HostSample
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.registry import Observations, Registry
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.steps import Step, reached
from sutra_grid.runtime.ticker import Ticker

log = get_logger(__name__)

V = TypeVar("V")

FLUSH_INTERVAL_SECONDS = 0.5
#: Beyond so many unwritten events the oldest are given up; the other kinds are bounded by what exists.
MAX_PENDING_EVENTS = 10_000
#: Rows of one commit; more wait for the next, so that no other writer waits long.
MAX_BATCH_ROWS = 2_000


@dataclass(slots=True)
class _Dirty:
    """What is not written yet. Later values replace earlier ones; events queue. Agents and reports by id only."""

    heartbeats: dict[str, int] = field(default_factory=dict)
    agents: dict[str, None] = field(default_factory=dict)
    hosts: dict[str, HostSample] = field(default_factory=dict)
    reports: dict[str, None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.heartbeats or self.agents or self.hosts or self.reports)


class RegistryWriter:
    """Collects observations and writes them from its own thread. A context manager; leaving it writes the rest.

    The collecting methods are thread-safe and never block on the registry.
    """

    def __init__(
        self,
        registry: Registry,
        state: ClusterState,
        interval_seconds: float = FLUSH_INTERVAL_SECONDS,
        on_write: Callable[[float], object] = lambda seconds: None,
    ) -> None:
        self._registry = registry
        self._state = state
        self._on_write = on_write  # is told how many seconds each write took, also one that failed
        self._ticker = Ticker("registry-writer", interval_seconds, self.flush)
        self._changed = threading.Condition()
        # guarded by _changed:
        self._dirty = _Dirty()
        self._events: deque[Event] = deque()
        self._events_put = 0
        self._events_done = 0
        self._failing = ""
        self.writes = 0
        self.failures = 0
        self.dropped_events = 0

    # -- collecting --

    def queue_heartbeat(self, agent_id: str, at_ms: int, host: HostSample | None = None) -> None:
        """An agent was heard; ``host`` only when the sample is to be kept."""
        with self._changed:
            self._dirty.heartbeats[agent_id] = at_ms
            if host is not None:
                self._dirty.hosts[agent_id] = host

    def queue_status(self, agent_id: str) -> None:
        """An agent's status has changed in the grid."""
        with self._changed:
            self._dirty.agents[agent_id] = None

    def queue_reports(self, node_ids: Iterable[str]) -> None:
        """Nodes were reported; the grid has the reports."""
        with self._changed:
            self._dirty.reports.update(dict.fromkeys(node_ids))

    def queue_events(self, events: Sequence[Event]) -> None:
        """Something happened."""
        if not events:
            return
        with self._changed:
            self._events.extend(events)
            self._events_put += len(events)
            while len(self._events) > MAX_PENDING_EVENTS:
                self._events.popleft()
                self._events_done += 1
                self.dropped_events += 1

    @property
    def pending(self) -> int:
        """Rows that are not written yet."""
        with self._changed:
            dirty = self._dirty
            rows = len(dirty.heartbeats) + len(dirty.agents) + len(dirty.hosts) + len(dirty.reports)
            return rows + len(self._events)

    def wait_for_events(self, timeout_seconds: float) -> bool:
        """Wait until every event put before now is written; false when that takes too long. Any thread."""
        with self._changed:
            wanted = self._events_put
            if self._events_done >= wanted:
                return True
            self._ticker.trigger()
            return self._changed.wait_for(lambda: self._events_done >= wanted or bool(self._failing), timeout_seconds)

    # -- writing, on the writer's thread --

    def flush(self) -> None:
        """Write everything that is dirty. A registry that does not answer is logged once, and tried again next time."""
        while batch := self._take():
            dirty, events = batch
            started = time.monotonic()
            try:
                self._registry.write_observations(self._observations(dirty, events))
            except GridError as error:
                self._put_back(dirty, events, str(error))
                return
            finally:
                self._on_write(time.monotonic() - started)
            reached(Step.OBSERVATIONS_WRITTEN)
            self._written(len(events))

    def _take(self) -> tuple[_Dirty, list[Event]] | None:
        with self._changed:
            if not self._dirty and not self._events:
                return None
            dirty = _Dirty(
                heartbeats=_take_some(self._dirty.heartbeats),
                agents=_take_some(self._dirty.agents),
                hosts=_take_some(self._dirty.hosts),
                reports=_take_some(self._dirty.reports),
            )
            events = [self._events.popleft() for _ in range(min(len(self._events), MAX_BATCH_ROWS))]
            return dirty, events

    def _observations(self, dirty: _Dirty, events: Sequence[Event]) -> Observations:
        """The batch as the grid is now; what was removed meanwhile is left out."""
        nodes = (self._state.nodes.get(node_id) for node_id in dirty.reports)
        return Observations(
            heartbeats=dirty.heartbeats,
            agents=[agent for agent_id in dirty.agents if (agent := self._state.agents.get(agent_id))],
            hosts=dirty.hosts,
            reports=[node.report for node in nodes if node and node.report],
            events=events,
        )

    def _put_back(self, dirty: _Dirty, events: list[Event], why: str) -> None:
        """Keep what could not be written, below what came meanwhile."""
        with self._changed:
            self._dirty.heartbeats = dirty.heartbeats | self._dirty.heartbeats
            self._dirty.agents = dirty.agents | self._dirty.agents
            self._dirty.hosts = dirty.hosts | self._dirty.hosts
            self._dirty.reports = dirty.reports | self._dirty.reports
            self._events.extendleft(reversed(events))
            first = not self._failing
            self._failing = why
            self.failures += 1
            self._changed.notify_all()
        if first:
            log.warning("registry takes no observations; they are kept and tried again", why=why)

    def _written(self, events: int) -> None:
        with self._changed:
            self._events_done += events
            self.writes += 1
            was_failing, self._failing = self._failing, ""
            self._changed.notify_all()
        if was_failing:
            log.info("registry takes observations again", failures=self.failures)

    # -- the thread --

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ticker.stop()
        self.flush()


def _take_some(rows: dict[str, V]) -> dict[str, V]:
    """Move at most a batch out of ``rows``."""
    if len(rows) <= MAX_BATCH_ROWS:
        taken = dict(rows)
        rows.clear()
        return taken
    return {key: rows.pop(key) for key in list(islice(rows, MAX_BATCH_ROWS))}
