"""Registers with the master, sends heartbeats, and passes on the assignments that come back.

One thread does all of it. Without a master nothing is lost: each heartbeat has the full inventory, so
the first one that arrives brings the master up to date.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Self

from sutra_grid.agent.inventory import Inventory
from sutra_grid.agent.master_link import Master
from sutra_grid.agent.state.session import SessionFile
from sutra_grid.core.agent.sessions import HeartbeatInstruction
from sutra_grid.core.errors import GridError, ResourceExhausted
from sutra_grid.core.samples import HostSample
from sutra_grid.core.types import Agent, Assignment
from sutra_grid.runtime.clock import Clock
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.steps import Step, reached
from sutra_grid.runtime.ticker import Ticker

log = get_logger(__name__)

FIRST_RETRY_SECONDS: Final = 0.5
MAX_RETRY_SECONDS: Final = 3.0  # well below the grace period of a master that has restarted
HEARTBEAT_RETRY_SECONDS: Final = 1.0  # after a failed heartbeat; a lower interval bounds it
_STOP_SECONDS: Final = 5.0  # a call to the master may take this long

OK: Final = "ok"  # the outcome of a successful call in ``counts``


@dataclass(frozen=True, slots=True)
class HeartbeatSource:
    """What registrations and heartbeats report: the agent, its nodes, its host."""

    agent: Agent
    inventory: Inventory
    host: Callable[[], HostSample | None]


def retry_delays(interval_seconds: float) -> Iterator[float]:
    """Seconds between attempts to register, before jitter. Doubling, up to the interval and up to 3 s."""
    delay = FIRST_RETRY_SECONDS
    longest = max(delay, min(MAX_RETRY_SECONDS, interval_seconds))
    while True:
        yield delay
        delay = min(delay * 2, longest)


class Heartbeat:
    """A context manager around the heartbeat thread. ``trigger`` sends a heartbeat at once."""

    def __init__(
        self,
        source: HeartbeatSource,
        master: Master,
        clock: Clock,
        *,
        sessions: SessionFile,
        on_assignments: Callable[[Iterable[Assignment]], None],
        on_superseded: Callable[[str], None],
    ) -> None:
        self._source = source
        self._master = master
        self._clock = clock
        self._sessions = sessions  # used by the heartbeat thread only
        self._on_assignments = on_assignments
        self._on_superseded = on_superseded
        self._stopping = threading.Event()
        self._ticker = Ticker("heartbeat", source.agent.heartbeat_interval_ms / 1000, self.tick, clock=clock)
        self._session_id = ""  # set by the heartbeat thread; "" while not registered
        self._problem = ""  # the problem that was logged last
        self._backing_off_until = 0.0
        self._counting = threading.Lock()
        self._counts: Counter[str] = Counter({OK: 0})  # by outcome; guarded by _counting

    @property
    def session_id(self) -> str:
        """The session of the registration; empty while the agent is not registered."""
        return self._session_id

    def counts(self) -> dict[str, int]:
        """Registrations and heartbeats since the start, by outcome: ``ok`` or the error code. Any thread."""
        with self._counting:
            return dict(self._counts)

    def trigger(self) -> None:
        """Send a heartbeat now. Any thread; never blocks."""
        self._ticker.trigger()

    def tick(self) -> None:
        """Send one heartbeat. Without a session, register until that works."""
        if not self._session_id:
            self._register_until_accepted()
        elif self._clock.monotonic() >= self._backing_off_until:
            self._send_heartbeat()

    def unregister(self, reason: str) -> None:
        """Tell the master that the agent stops on purpose. After ``stop``. An unreachable master is only logged."""
        if not self._session_id:
            return
        try:
            self._master.unregister(self._source.agent.agent_id, self._session_id, reason)
        except GridError as error:
            log.info("could not unregister", error=error)

    def stop(self) -> None:
        """End the thread. Waits some seconds for a call in progress."""
        self._stopping.set()
        self._ticker.stop(_STOP_SECONDS)

    def __enter__(self) -> Self:
        self._ticker.start()
        self._ticker.trigger()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _register_until_accepted(self) -> None:
        for delay_seconds in retry_delays(self._source.agent.heartbeat_interval_ms / 1000):
            if self._stopping.is_set() or self._register():
                return
            self._stopping.wait(random.uniform(0.5, 1.0) * delay_seconds)

    def _register(self) -> bool:
        agent = replace(self._source.agent, host=self._source.host(), session_id=self._sessions.last)
        try:
            response = self._master.register(agent, self._source.inventory.reports())
        except GridError as error:
            self._count(error.code)
            self._log_once("registration failed; retrying", error)
            return False
        self._count(OK)
        self._session_id = response.session_id
        self._sessions.save(response.session_id)
        self._problem = ""
        log.info(
            "registered", agent=agent.agent_id, session=response.session_id, master_version=response.master_version
        )
        self._on_assignments(response.assignments)
        return True

    def _send_heartbeat(self) -> None:
        agent = self._source.agent
        reports, at_seconds = self._source.inventory.reports(), int(self._clock.wall())
        try:
            response = self._master.heartbeat(
                agent.agent_id, self._session_id, at_seconds, reports, self._source.host()
            )
        except ResourceExhausted as error:
            self._count(error.code)
            self._backing_off_until = self._clock.monotonic() + random.uniform(0, agent.heartbeat_interval_ms / 1000)
            self._log_once("the master is overloaded; backing off", error)
            return
        except GridError as error:
            self._count(error.code)
            self._log_once("heartbeat failed", error)
            self._stopping.wait(
                random.uniform(0.5, 1.0) * min(HEARTBEAT_RETRY_SECONDS, agent.heartbeat_interval_ms / 1000)
            )
            self._ticker.trigger()  # a master that is back gets the next heartbeat at once
            return
        reached(Step.HEARTBEAT_ANSWERED)
        self._count(OK)
        if self._problem:
            log.info("heartbeats succeed again", agent=agent.agent_id)
            self._problem = ""
        if response.instruction is HeartbeatInstruction.SUPERSEDED:
            log.error("superseded", agent=agent.agent_id, session=self._session_id, message=response.message)
            self._session_id = ""
            self._stopping.set()
            self._on_superseded(response.message)
        elif response.instruction is HeartbeatInstruction.REGISTER or not response.acknowledged:
            log.info("the master requires a registration", agent=agent.agent_id, message=response.message)
            self._session_id = ""
            self._register_until_accepted()
        else:
            self._on_assignments(response.assignments)

    def _count(self, outcome: str) -> None:
        with self._counting:
            self._counts[outcome] += 1

    def _log_once(self, event: str, error: GridError) -> None:
        """Log a problem once, not at every heartbeat."""
        if self._problem != error.message:
            log.warning(event, agent=self._source.agent.agent_id, reason=error.reason or "-", error=error)
            self._problem = error.message
