"""The certificate, key and CA files of a process, read again when they change on disk.

Whoever replaces a certificate writes new files over the old ones, or renames them into place. Both are noticed by the
files' times and inodes. Files that are replaced one after the other do not fit for a moment: until they do, the ones
before stay in use.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sutra_grid.core.access.identity import Identity
from sutra_grid.core.errors import GridError
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

CHECK_SECONDS: Final = 1.0
"""How often the files are looked at, at most: a look costs three system calls, and every handshake asks."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the files contained when they were read.

    ``certificate_pem`` and ``key_pem`` are empty for a client that has no certificate. ``grid`` is that of the
    certificate, or of the CA where there is none. ``version`` rises with every change.
    """

    ca_pem: bytes
    certificate_pem: bytes = b""
    key_pem: bytes = b""
    identity: Identity | None = None
    grid: str = ""
    not_after_seconds: float = 0.0  # wall clock; 0 without a certificate
    version: int = 1


Reader = Callable[[], Credentials]
"""Reads and checks the files. Raises ``GridError``, which names the file and the remedy."""

_Stamp = tuple[tuple[int, int, int], ...]


class CredentialFiles:
    """The current credentials of a set of files. Thread-safe; makes no thread of its own."""

    def __init__(self, paths: tuple[Path, ...], read: Reader) -> None:
        """Read the files. Raises ``GridError``."""
        self._paths = paths
        self._read = read
        self._lock = threading.Lock()
        # guarded by _lock:
        self._stamp = _stamp(paths)
        self._current = read()
        self._next_look = time.monotonic() + CHECK_SECONDS
        self._failure = ""  # of the last look, so that the log has each once

    def current(self) -> Credentials:
        """What to use now. Never raises: files that can't be used leave the ones before in use, and a log line."""
        with self._lock:
            if time.monotonic() >= self._next_look:
                self._next_look = time.monotonic() + CHECK_SECONDS
                self._look()
            return self._current

    def _look(self) -> None:
        stamp = _stamp(self._paths)
        if stamp == self._stamp:
            self._failure = ""
            return
        try:
            fresh = self._read()
        except GridError as error:  # tried again at each look: what is wrong may be the mode of a file or a directory
            if error.message != self._failure:
                self._failure = error.message
                log.warning("new certificate files can't be used; the ones before stay in use", error=error.message)
            return
        version = self._current.version + 1
        self._current = Credentials(
            fresh.ca_pem,
            fresh.certificate_pem,
            fresh.key_pem,
            fresh.identity,
            fresh.grid,
            fresh.not_after_seconds,
            version,
        )
        # The files may have changed again while they were read; then the stamp from before is not theirs.
        self._stamp, self._failure = stamp, ""
        log.info("certificate files read again", identity=fresh.identity or "", version=version)


def _stamp(paths: tuple[Path, ...]) -> _Stamp:
    """Changes whenever a file is written or replaced."""
    return tuple(_stamp_of(path) for path in paths)


def _stamp_of(path: Path) -> tuple[int, int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)
