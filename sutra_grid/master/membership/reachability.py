"""Looks whether the master can call each agent back: after its registration, after a failed call, and now and then.

A look is one small call over a connection of its own, so that it finds what a command would find. The number of looks
a second is bounded, however many agents there are.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sutra_grid.core.agent.reachability import (
    Look,
    answered_by,
    judge,
    look_failed,
    reachability_event,
    seconds_until_next,
)
from sutra_grid.core.errors import GridError
from sutra_grid.core.types import Agent, AgentStatus
from sutra_grid.master.agent_calls import AgentCaller
from sutra_grid.master.registry_writes.write_behind import RegistryWriter
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.ticker import Ticker

log = get_logger(__name__)

LOOK_SECONDS = 3.0
TICK_SECONDS = 0.5
#: Looks that are begun in one tick: 10,000 agents are looked at in about 10 minutes, for a few percent of one CPU.
MAX_STARTED = 8
#: Looks at the same time. Agents behind a firewall hold a thread for ``LOOK_SECONDS`` each.
MAX_UNDER_WAY = 8


@dataclass(slots=True)
class _Schedule:
    """When to look at an agent again. Guarded by the lock of ``ReachabilityMonitor``."""

    session_id: str
    due_at: float  # monotonic seconds
    failures: int = 0
    is_under_way: bool = False


class ReachabilityMonitor:
    """A context manager around its threads; a master without threads never looks."""

    def __init__(self, state: ClusterState, calls: AgentCaller, registry_writer: RegistryWriter, clock: Clock) -> None:
        self._state = state
        self._calls = calls
        self._registry_writer = registry_writer
        self._clock = clock
        self._ticker = Ticker("reachability", TICK_SECONDS, self.tick)
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._schedules: dict[str, _Schedule] = {}  # by agent id; guarded by _lock

    def look_soon(self, agent_id: str) -> None:
        """Look at the agent at the next tick: a call to it has failed."""
        with self._lock:
            if schedule := self._schedules.get(agent_id):
                schedule.due_at = self._clock.monotonic()

    def tick(self) -> None:
        """Begin the looks that are due, the longest due first."""
        for agent in self._due():
            assert self._pool is not None
            self._pool.submit(self._look_at, agent)

    def _due(self) -> list[Agent]:
        now = self._clock.monotonic()
        agents = {one.agent_id: one for one in self._state.agents.registrations() if _can_be_called(one)}
        with self._lock:
            for agent_id in self._schedules.keys() - agents.keys():
                del self._schedules[agent_id]
            for agent in agents.values():
                known = self._schedules.get(agent.agent_id)
                if known is None or known.session_id != agent.session_id:
                    under_way = known.is_under_way if known else False
                    self._schedules[agent.agent_id] = _Schedule(agent.session_id, now, is_under_way=under_way)
            free = MAX_UNDER_WAY - sum(schedule.is_under_way for schedule in self._schedules.values())
            due = sorted(
                (schedule.due_at, agent_id)
                for agent_id, schedule in self._schedules.items()
                if schedule.due_at <= now and not schedule.is_under_way
            )
            chosen = [agent_id for _, agent_id in due[: max(0, min(MAX_STARTED, free))]]
            for agent_id in chosen:
                self._schedules[agent_id].is_under_way = True
        return [agents[agent_id] for agent_id in chosen]

    def _look_at(self, agent: Agent) -> None:
        try:
            self._record(agent, self._look(agent))
        except Exception:  # the top of a pool's task, whose exception nobody would see
            log.exception("look at an agent failed", agent=agent.agent_id)
        finally:
            with self._lock:
                if schedule := self._schedules.get(agent.agent_id):
                    schedule.is_under_way = False

    def _look(self, agent: Agent) -> Look:
        try:
            found = self._calls.identify(agent, LOOK_SECONDS)
        except GridError as error:
            return look_failed(error)
        return answered_by(agent, found.agent_id, found.hostname, found.host_id)

    def _record(self, agent: Agent, look: Look) -> None:
        now_ms = wall_ms(self._clock)
        with self._lock:
            schedule = self._schedules.get(agent.agent_id)
            if schedule is None or schedule.session_id != agent.session_id:
                return  # it registered again meanwhile, perhaps from elsewhere; the next look counts
            schedule.failures = 0 if look.is_reached else schedule.failures + 1
            failures = schedule.failures
        change = self._state.agents.change_reachability(agent, lambda known: judge(known, look, failures, now_ms))
        if change is None:
            return
        before, after = change
        with self._lock:
            schedule.due_at = self._clock.monotonic() + seconds_until_next(after, failures)
        if before == after:
            return
        self._registry_writer.queue_status(agent.agent_id)
        event = reachability_event(agent, before, after, now_ms)
        if event is not None:
            self._registry_writer.queue_events([event])
            log.warning(event.kind, agent=agent.agent_id, reason=event.reason, message=event.message)

    def __enter__(self) -> Self:
        self._pool = ThreadPoolExecutor(MAX_UNDER_WAY, thread_name_prefix="reachability")
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Looks under way end within ``LOOK_SECONDS``."""
        self._ticker.stop()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _can_be_called(agent: Agent) -> bool:
    return bool(agent.endpoint) and agent.status is not AgentStatus.OFFLINE
