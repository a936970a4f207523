"""The worker's hold on the registry: opened by the first read that needs it, and again until it works."""

from __future__ import annotations

import threading

from sutra_grid.core.errors import GridError, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import Clock
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

RETRY_SECONDS = 1.0


class RegistryLink:
    """Opens the registry lazily, in the worker that uses it; thread-safe.

    The master makes the registry and brings it up to date. Until it has, and whenever the
    registry does not answer, ``get`` raises ``Unavailable``: at most once a second for a real
    try, in between with what the last one said, so that requests do not queue up behind a
    server that is not there.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._lock = threading.Lock()  # guards the fields below; never held while opening
        self._registry: Registry | None = None
        self._failure: GridError | None = None
        self._next_try = clock.monotonic()

    def get(self) -> Registry:
        """The open registry. Raises ``Unavailable``."""
        with self._lock:
            if self._registry is not None:
                return self._registry
            if self._failure is not None and self._clock.monotonic() < self._next_try:
                raise _unavailable(self._failure)
        try:
            opened = Registry.open(self._url, migrate=False)
        except GridError as error:
            self._remember(error)
            raise _unavailable(error) from error
        return self._keep(opened)

    def close(self) -> None:
        """Close what is open; a later ``get`` opens it again."""
        with self._lock:
            registry, self._registry = self._registry, None
        if registry is not None:
            registry.close()

    def _remember(self, error: GridError) -> None:
        with self._lock:
            is_news = self._failure is None or self._failure.message != error.message
            self._failure = error
            self._next_try = self._clock.monotonic() + RETRY_SECONDS
        if is_news:
            log.warning("registry not available", error=error.message, hint=error.hint)

    def _keep(self, opened: Registry) -> Registry:
        with self._lock:
            kept = self._registry
            if kept is None:
                kept = self._registry = opened
                self._failure = None
        if kept is opened:
            log.info("registry opened", registry=opened.name)
        else:  # another thread was faster
            opened.close()
        return kept


def _unavailable(error: GridError) -> Unavailable:
    """Whatever keeps the registry closed, a client can only wait for somebody to mend it."""
    return Unavailable(error.message, reason=Reason.REGISTRY_UNAVAILABLE, hint=error.hint)
