"""Write-behind: observed state reaches the registry in batches, at most a second late.

Handlers queue what changed and continue. One thread writes the current values from memory, because two handlers may
queue in another order than their changes were made. While the registry does not answer, the queue is kept, merged and
bounded; the first write that succeeds empties it. Desired state never passes through here.
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
from sutra_grid.core.samples import HostSample
from sutra_grid.core.types import Event
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.registry import Observations, Registry
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.steps import Step, reached
from sutra_grid.runtime.ticker import Ticker

log = get_logger(__name__)

V = TypeVar("V")

FLUSH_INTERVAL_SECONDS = 0.5
#: While the master runs, its presence in the registry is at most this old, also when nothing else is written.
PRESENCE_SECONDS = 2.0
#: Of more unwritten events the oldest are dropped. The other queues are bounded by the number of agents and nodes.
MAX_PENDING_EVENTS = 10_000
#: Rows in one commit. More are left for the next one, so that no other writer waits long.
MAX_BATCH_ROWS = 2_000


@dataclass(slots=True)
class _Dirty:
    """What is not written yet. Later values replace earlier ones. Agents and reports are kept as ids only."""

    heartbeats: dict[str, int] = field(default_factory=dict)
    agents: dict[str, None] = field(default_factory=dict)
    hosts: dict[str, HostSample] = field(default_factory=dict)
    reports: dict[str, None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.heartbeats or self.agents or self.hosts or self.reports)


class RegistryWriter:
    """Queues observations and writes them from its own thread. A context manager; its exit writes the rest.

    The queueing methods are thread-safe and never block on the registry.
    """

    def __init__(
        self,
        registry: Registry,
        state: ClusterState,
        clock: Clock,
        interval_seconds: float = FLUSH_INTERVAL_SECONDS,
        on_write: Callable[[float], object] = lambda seconds: None,
    ) -> None:
        self._registry = registry
        self._state = state
        self._clock = clock
        self._presence_due_at = clock.monotonic()  # used by the writing thread only
        self._on_write = on_write  # called with the seconds of each write, also of a failed one
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

    # -- queueing, on any thread --

    def queue_heartbeat(self, agent_id: str, at_ms: int, host: HostSample | None = None) -> None:
        """Queue the time of a heartbeat. ``host``: its measurements, when they are due to be written."""
        with self._changed:
            self._dirty.heartbeats[agent_id] = at_ms
            if host is not None:
                self._dirty.hosts[agent_id] = host

    def queue_status(self, agent_id: str) -> None:
        """Queue an agent whose status has changed in memory."""
        with self._changed:
            self._dirty.agents[agent_id] = None

    def queue_reports(self, node_ids: Iterable[str]) -> None:
        """Queue nodes with new reports in memory."""
        with self._changed:
            self._dirty.reports.update(dict.fromkeys(node_ids))

    def queue_events(self, events: Sequence[Event]) -> None:
        """Queue events. Beyond ``MAX_PENDING_EVENTS`` the oldest are dropped and counted."""
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
        """The number of rows that are not written yet."""
        with self._changed:
            dirty = self._dirty
            rows = len(dirty.heartbeats) + len(dirty.agents) + len(dirty.hosts) + len(dirty.reports)
            return rows + len(self._events)

    def wait_for_events(self, timeout_seconds: float) -> bool:
        """Wait until all events queued so far are written. False: that takes too long."""
        with self._changed:
            target = self._events_put
            if self._events_done >= target:
                return True
            self._ticker.trigger()
            return self._changed.wait_for(lambda: self._events_done >= target or bool(self._failing), timeout_seconds)

    # -- writing, on the writer's thread --

    def flush(self) -> None:
        """Write everything that is queued. A failure is logged once; the next call retries."""
        while batch := self._take(is_presence_due=self._clock.monotonic() >= self._presence_due_at):
            dirty, events = batch
            started = time.monotonic()
            try:
                self._registry.write_observations(self._observations(dirty, events))
            except GridError as error:
                self._put_back(dirty, events, str(error))
                return
            finally:
                self._on_write(time.monotonic() - started)
            self._presence_due_at = self._clock.monotonic() + PRESENCE_SECONDS
            reached(Step.OBSERVATIONS_WRITTEN)
            self._written(len(events))

    def _take(self, *, is_presence_due: bool) -> tuple[_Dirty, list[Event]] | None:
        """The next batch, which may be empty when the presence is due. None: nothing is to be written."""
        with self._changed:
            if not self._dirty and not self._events and not is_presence_due:
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
        """The batch with the current values from memory. What was removed meanwhile is left out."""
        nodes = (self._state.nodes.get(node_id) for node_id in dirty.reports)
        return Observations(
            heartbeats=dirty.heartbeats,
            agents=[agent for agent_id in dirty.agents if (agent := self._state.agents.get(agent_id))],
            hosts=dirty.hosts,
            reports=[node.report for node in nodes if node and node.report],
            events=events,
            master_at_ms=wall_ms(self._clock),
        )

    def _put_back(self, dirty: _Dirty, events: list[Event], why: str) -> None:
        """Queue a failed batch again. Newer values win."""
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
            log.warning("registry does not accept observations; they are kept, and writing is retried", why=why)

    def _written(self, events: int) -> None:
        with self._changed:
            self._events_done += events
            self.writes += 1
            was_failing, self._failing = self._failing, ""
            self._changed.notify_all()
        if was_failing:
            log.info("registry accepts observations again", failures=self.failures)

    # -- the thread --

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ticker.stop()
        self._presence_due_at = self._clock.monotonic()
        self.flush()


def _take_some(rows: dict[str, V]) -> dict[str, V]:
    """Move at most a batch out of ``rows``."""
    if len(rows) <= MAX_BATCH_ROWS:
        taken = dict(rows)
        rows.clear()
        return taken
    return {key: rows.pop(key) for key in list(islice(rows, MAX_BATCH_ROWS))}
