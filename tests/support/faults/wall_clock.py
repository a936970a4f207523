"""A wall clock that a test can turn for whole daemons while they run, as an administrator or NTP would.

Debian's libfaketime stands between the daemon (and the nodes that it starts) and the system's wall clock; it reads
the offset from a file at each call. The monotonic clock, timeouts of waits and files' times stay the real ones.
"""

from __future__ import annotations

import ctypes
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.needs import skip_for

DEBIAN_PACKAGE = "faketime"
SHARED_MEMORY = Path("/dev/shm")
SHARED_BYTES = 64  # more than libfaketime's struct ft_shared_s


class WallClock:
    """The wall clock of whatever runs behind ``run_in``: the system's, and ``offset_seconds`` more.

    ``with wall_clock_or_skip(directory) as clock: GridSpec(run_in={"master": clock.run_in})``. Several daemons may
    share one, or each have its own.
    """

    def __init__(self, directory: Path, library: Path, shared: str) -> None:
        self._file = directory / f"{shared.removeprefix('/')}.offset"
        self._library = library
        self._shared = shared
        self.offset_seconds = 0
        self.turn_to(0)

    @property
    def run_in(self) -> tuple[str, ...]:
        """The arguments before a command. ``env`` becomes the command: its pid is the command's."""
        return (
            "env",
            f"LD_PRELOAD={self._library}",
            f"FAKETIME_TIMESTAMP_FILE={self._file}",
            f"FAKETIME_SHARED={self._shared} {self._shared}",
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
            "NO_FAKE_STAT=1",
        )

    def turn_to(self, offset_seconds: int) -> None:
        """From now on it shows the system's time and ``offset_seconds`` more (or less, when below 0)."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset_seconds:+d}\n")
        new.rename(self._file)
        self.offset_seconds = offset_seconds

    def jump(self, seconds: int) -> None:
        """Turn it on, or back when below 0."""
        self.turn_to(self.offset_seconds + seconds)


@contextmanager
def wall_clock_or_skip(directory: Path) -> Iterator[WallClock]:
    """A clock whose file is in ``directory``. Where libfaketime is missing the test is skipped and says so; CI fails.

    Leave the context after what runs behind the clock.
    """
    library = _library()
    if library is None:
        skip_for(f"libfaketime: install Debian's package {DEBIAN_PACKAGE}")
    with _shared_memory() as shared:
        yield WallClock(directory, library, shared)


def _library() -> Path | None:
    """The build for programs with threads."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return found[0] if found else None


@contextmanager
def _shared_memory() -> Iterator[str]:
    """The name of a semaphore and a piece of shared memory for libfaketime.

    Without them each process makes its own by its pid; one that is killed leaves them behind, and the next
    process with that pid does not start.
    """
    name = f"/sutra-grid-test-{uuid.uuid4().hex[:12]}"
    libc = ctypes.CDLL(None, use_errno=True)
    libc.sem_open.restype = ctypes.c_void_p
    semaphore = libc.sem_open(name.encode(), os.O_CREAT | os.O_EXCL, 0o600, 1)
    if not semaphore:
        raise OSError(ctypes.get_errno(), f"sem_open {name}")
    libc.sem_close(ctypes.c_void_p(semaphore))
    memory = SHARED_MEMORY / name.removeprefix("/")
    try:
        memory.write_bytes(bytes(SHARED_BYTES))
        yield name
    finally:
        libc.sem_unlink(name.encode())
        memory.unlink(missing_ok=True)
