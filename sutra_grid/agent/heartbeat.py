"""Keeps the master informed: registers until it is admitted, then beats, and takes what comes back.

One ticker's thread does it all. Without a master nothing is lost: each beat carries the
full inventory, so the first one that arrives mends everything.
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
from sutra_grid.core.errors import GridError, ResourceExhausted
from sutra_grid.core.sessions import HeartbeatInstruction
from sutra_grid.core.types import Agent, Assignment, HostSample
from sutra_grid.runtime.clock import Clock
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.steps import Step, reached
from sutra_grid.runtime.ticker import Ticker

log = get_logger(__name__)

FIRST_RETRY_SECONDS: Final = 0.5
MAX_RETRY_SECONDS: Final = 3.0  # far below a master's grace period: after its restart all are back in time
HEARTBEAT_RETRY_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 5.0

OK: Final = "ok"


@dataclass(frozen=True, slots=True)
class HeartbeatSource:
    """Where a heartbeat gets what it says."""

    agent: Agent
    inventory: Inventory
    host: Callable[[], HostSample | None]


def retry_delays(interval_seconds: float) -> Iterator[float]:
    """Seconds between tries to register, before jitter: a master that is back sees all within an interval."""
    delay = FIRST_RETRY_SECONDS
    longest = max(delay, min(MAX_RETRY_SECONDS, interval_seconds))
    while True:
        yield delay
        delay = min(delay * 2, longest)


class Heartbeat:
    """A context manager around the ticker's thread. ``trigger`` makes it beat at once."""

    def __init__(
        self,
        source: HeartbeatSource,
        master: Master,
        clock: Clock,
        *,
        sessions: SessionFile,
        take: Callable[[Iterable[Assignment]], None],
        on_superseded: Callable[[str], None],
    ) -> None:
        self._source = source
        self._master = master
        self._clock = clock
        self._sessions = sessions  # of the ticker's thread
        self._take = take
        self._on_superseded = on_superseded
        self._stopping = threading.Event()
        self._ticker = Ticker("heartbeat", source.agent.heartbeat_interval_ms / 1000, self.tick, clock=clock)
        self._session_id = ""  # of the ticker's thread; "" while not admitted
        self._problem = ""  # what is logged already
        self._backing_off_until = 0.0
        self._counting = threading.Lock()
        self._counts: Counter[str] = Counter({OK: 0})  # by outcome; guarded by _counting

    @property
    def session_id(self) -> str:
        """The session that the master gave; empty while there is none."""
        return self._session_id

    def counts(self) -> dict[str, int]:
        """Registrations and heartbeats since the start: ``ok``, or the code of the error that came back. Any thread."""
        with self._counting:
            return dict(self._counts)

    def trigger(self) -> None:
        """Something worth telling has happened: beat now. Any thread, never blocks."""
        self._ticker.trigger()

    def tick(self) -> None:
        """One beat; without a session, registration until it works."""
        if not self._session_id:
            self._register_until_admitted()
        elif self._clock.monotonic() >= self._backing_off_until:
            self._send_heartbeat()

    def unregister(self, reason: str) -> None:
        """Tell the master that the agent ends on purpose. After ``stop``; a master that is away is no problem."""
        if not self._session_id:
            return
        try:
            self._master.unregister(self._source.agent.agent_id, self._session_id, reason)
        except GridError as error:
            log.info("the master could not be told of the end", error=error)

    def stop(self) -> None:
        """End the thread."""
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

    def _register_until_admitted(self) -> None:
        for delay_seconds in retry_delays(self._source.agent.heartbeat_interval_ms / 1000):
            if self._stopping.is_set() or self._register():
                return
            self._stopping.wait(random.uniform(0.5, 1.0) * delay_seconds)

    def _register(self) -> bool:
        agent = replace(self._source.agent, host=self._source.host(), session_id=self._sessions.last)
        try:
            answer = self._master.register(agent, self._source.inventory.reports())
        except GridError as error:
            self._count(error.code)
            self._log_once("not registered; trying again", error)
            return False
        self._count(OK)
        self._session_id = answer.session_id
        self._sessions.save(answer.session_id)
        self._problem = ""
        log.info("registered", agent=agent.agent_id, session=answer.session_id, master_version=answer.master_version)
        self._take(answer.assignments)
        return True

    def _send_heartbeat(self) -> None:
        agent = self._source.agent
        reports, at_seconds = self._source.inventory.reports(), int(self._clock.wall())
        try:
            answer = self._master.heartbeat(agent.agent_id, self._session_id, at_seconds, reports, self._source.host())
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
            self._ticker.trigger()  # one that is back is told at once, not an interval later
            return
        reached(Step.HEARTBEAT_ANSWERED)
        self._count(OK)
        if self._problem:
            log.info("heartbeats arrive again", agent=agent.agent_id)
            self._problem = ""
        if answer.instruction is HeartbeatInstruction.SUPERSEDED:
            log.error("superseded", agent=agent.agent_id, session=self._session_id, message=answer.message)
            self._session_id = ""
            self._stopping.set()
            self._on_superseded(answer.message)
        elif answer.instruction is HeartbeatInstruction.REGISTER or not answer.acknowledged:
            log.info("the master asks for a registration", agent=agent.agent_id, message=answer.message)
            self._session_id = ""
            self._register_until_admitted()
        else:
            self._take(answer.assignments)

    def _count(self, outcome: str) -> None:
        with self._counting:
            self._counts[outcome] += 1

    def _log_once(self, event: str, error: GridError) -> None:
        """Log a problem once, not at every beat."""
        if self._problem != error.message:
            log.warning(event, agent=self._source.agent.agent_id, reason=error.reason or "-", error=error)
            self._problem = error.message
