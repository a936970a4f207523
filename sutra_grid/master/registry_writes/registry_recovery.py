"""Restores a registry whose file was deleted or replaced while the master runs. Memory has all that it needs.

From the moment of the loss the registry refuses every call. So nothing is written to a deleted file, and no decision
depends on an older one. ``SETTLE_SECONDS`` later the file is created again from memory: calls under way have ended by
then, and a person who moves files has finished.
"""

from __future__ import annotations

from collections.abc import Callable
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
#: From the loss to the recovery. Longer than a command takes from its commit until memory has the change.
SETTLE_SECONDS = 2.0
#: More events than are written between two checks. New events get ids above all that a client can have seen.
UNSEEN_EVENTS = 10_000


class RegistryRecovery:
    """A context manager around its thread.

    ``write_again`` writes what else is in memory to the new file, such as revocations; it may be called repeatedly.
    """

    def __init__(
        self,
        registry: Registry,
        state: ClusterState,
        clock: Clock,
        write_again: Callable[[], object] = lambda: None,
    ) -> None:
        self._registry = registry
        self._state = state
        self._clock = clock
        self._write_again = write_again
        self._ticker = Ticker("registry-recovery", CHECK_INTERVAL_SECONDS, self.check)
        # used by its own thread alone, once that runs:
        self._incomplete = False
        self._lost_at: float | None = None  # monotonic seconds
        self._last_event_id = 0
        self._last_error = ""

    def check(self) -> None:
        """Check that the registry is still there, and restore it some time after a loss."""
        loss = self._registry.loss()
        if not loss:
            self._lost_at = None
            self._note_last_event()
            if self._incomplete:
                self._complete()
            return
        now = self._clock.monotonic()
        if self._lost_at is None:
            self._lost_at = now
            log.warning("registry lost", registry=self._registry.name, why=loss)
        if now - self._lost_at >= SETTLE_SECONDS:
            self._restore(loss)

    def _restore(self, loss: str) -> None:
        message = f"the file {loss} while the master was running; it was restored from the master's memory"
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
            if str(error) != self._last_error:
                log.warning("registry cannot be restored yet; the master retries", why=error)
            self._last_error = str(error)
            return
        self._state.load(contents)  # what this master did not know, when a backup took the place of the file
        self._lost_at, self._last_error, self._incomplete = None, "", True
        self._complete()
        log.warning(event.kind, registry=self._registry.name, agents=len(contents.agents), nodes=len(contents.nodes))

    def _complete(self) -> None:
        try:
            self._write_again()
        except GridError as error:
            log.warning("registry is not complete yet; the master retries", why=error)
            return
        self._incomplete = False

    def _note_last_event(self) -> None:
        try:
            self._last_event_id = max(self._last_event_id, self._registry.last_event_id())
        except GridError as error:
            log.debug("registry does not answer", why=error)

    def __enter__(self) -> Self:
        self._note_last_event()  # the registry may be lost before the first check
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ticker.stop()
