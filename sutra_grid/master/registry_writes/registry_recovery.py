"""Brings a registry back whose file was deleted or replaced under this running master: memory has all that counts.

From the moment of the loss the registry refuses every call, so that nothing is written into a file that is gone
or decided by one that is older. A short while later, when what was under way has ended and a person who
moves files about is done, it is made anew from memory.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from sutra_grid.core.errors import GridError
from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.types import Actor, Event, Reason
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.ticker import Ticker

log = get_logger(__name__)

CHECK_INTERVAL_SECONDS = 0.5
#: Longer than a command takes from its commit to memory.
SETTLE_SECONDS = 2.0
#: More events than are written between two looks: the ids of new ones go on above all that anybody has seen.
UNSEEN_EVENTS = 10_000


class RegistryRecovery:
    """A context manager around its thread."""

    def __init__(self, registry: Registry, state: ClusterState, clock: Clock) -> None:
        self._registry = registry
        self._state = state
        self._clock = clock
        self._ticker = Ticker("registry-recovery", CHECK_INTERVAL_SECONDS, self.check)
        # used by its own thread alone, once that runs:
        self._lost_at: float | None = None  # monotonic seconds
        self._last_event_id = 0
        self._told = ""

    def check(self) -> None:
        """See whether the registry is still there, and bring it back when it has been away for a while."""
        loss = self._registry.loss()
        if not loss:
            self._lost_at = None
            self._remember_events()
            return
        now = self._clock.monotonic()
        if self._lost_at is None:
            self._lost_at = now
            log.warning("registry lost", registry=self._registry.name, why=loss)
        if now - self._lost_at >= SETTLE_SECONDS:
            self._bring_back(loss)

    def _bring_back(self, loss: str) -> None:
        message = f"the file {loss} under the running master and was made anew from what the master holds"
        event = Event(
            EventKind.REGISTRY_REFILLED,
            wall_ms(self._clock),
            Actor.MASTER,
            reason=Reason.REGISTRY_LOST,
            message=message,
        )
        try:
            contents = self._registry.refill(self._state.contents(), [event], self._last_event_id + UNSEEN_EVENTS)
        except GridError as error:
            if str(error) != self._told:
                log.warning("registry can't be brought back yet; it is tried again", why=error)
            self._told = str(error)
            return
        self._state.load(contents)  # of a backup: what this master did not know
        self._lost_at, self._told = None, ""
        log.warning(event.kind, registry=self._registry.name, agents=len(contents.agents), nodes=len(contents.nodes))

    def _remember_events(self) -> None:
        try:
            self._last_event_id = max(self._last_event_id, self._registry.last_event_id())
        except GridError as error:
            log.debug("registry does not answer", why=error)

    def __enter__(self) -> Self:
        self._remember_events()  # it may be lost before the first look
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ticker.stop()
