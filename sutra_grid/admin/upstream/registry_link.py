"""A worker's connection to the registry, opened by the first read and reopened until it works."""

from __future__ import annotations

import threading
from pathlib import Path

from sutra_grid.core.errors import GridError, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.registry import Registry, sqlite_file
from sutra_grid.runtime.clock import Clock
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

RETRY_SECONDS = 1.0


class RegistryLink:
    """Opens the registry lazily in the worker that uses it. Thread-safe.

    The master creates and migrates the registry. Until then, and while the registry is unavailable, ``get`` raises
    ``Unavailable``. It tries to open the registry at most once a second and repeats the last error in between, so that
    requests do not queue up behind an unavailable server.
    """

    def __init__(self, url: str, clock: Clock, password_file: Path | None = None) -> None:
        self._url = url
        self._password_file = password_file
        self._clock = clock
        self._lock = threading.Lock()  # guards the fields below; not held while opening
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
            opened = Registry.open(self._url, password_file=self._password_file, migrate=False, clock=self._clock)
        except GridError as error:
            self._record_failure(error)
            raise _unavailable(error) from error
        return self._keep(opened)

    def is_missing(self) -> bool:
        """Whether there is no registry yet: an SQLite file that does not exist. A server that is away may have one."""
        file = sqlite_file(self._url)
        return file is not None and not file.exists()

    def close(self) -> None:
        """Close the registry. A later ``get`` opens it again."""
        with self._lock:
            registry, self._registry = self._registry, None
        if registry is not None:
            registry.close()

    def _record_failure(self, error: GridError) -> None:
        with self._lock:
            is_new = self._failure is None or self._failure.message != error.message
            self._failure = error
            self._next_try = self._clock.monotonic() + RETRY_SECONDS
        if is_new:
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
    """Any error becomes ``Unavailable``, because clients can only wait until an operator repairs the registry."""
    return Unavailable(error.message, reason=Reason.REGISTRY_UNAVAILABLE, hint=error.hint)
