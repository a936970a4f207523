"""Finds and stops the processes of a dev grid, which are proved by their environment and signalled by pidfd.

No pid is read from a file: only processes that run now are found. The pidfd is opened before the
proof, so a signal through it can't reach another process.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DIRECTORY_TAG: Final = "SUTRA_GRID_DEV_DIR"
NAME_TAG: Final = "SUTRA_GRID_DEV_NAME"
# Set by an agent for each node that it starts.
NODE_TAG: Final = "SUTRA_GRID_NODE_ID"
NODE_PATH_TAG: Final = "SUTRA_GRID_STORAGE_PATH"

_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Tagged:
    """A process of this grid: ``name`` is a daemon's or a node's id. The holder closes ``pidfd``."""

    pid: int
    pidfd: int
    name: str


@contextlib.contextmanager
def find_daemons(directory: Path) -> Iterator[list[Tagged]]:
    """The daemons, and their workers, that dev started in ``directory``, now or in an earlier run."""

    def name_of(variables: dict[str, str]) -> str | None:
        if NODE_TAG in variables or variables.get(DIRECTORY_TAG) != str(directory):
            return None
        return variables.get(NAME_TAG)

    with _find(name_of) as found:
        yield found


@contextlib.contextmanager
def find_nodes(directory: Path) -> Iterator[list[Tagged]]:
    """The node processes, and what they started, whose data lies below ``directory``."""

    def name_of(variables: dict[str, str]) -> str | None:
        storage_path = variables.get(NODE_PATH_TAG, "")
        if not storage_path or not Path(storage_path).is_relative_to(directory):
            return None
        return variables.get(NODE_TAG)

    with _find(name_of) as found:
        yield found


def end_all(processes: Sequence[Tagged], grace_seconds: float) -> list[Tagged]:
    """Send SIGTERM, and SIGKILL to what is left after the grace. Returns what had to be killed. Blocks."""
    _signal(processes, signal.SIGTERM)
    stubborn = await_ends(processes, grace_seconds)
    _signal(stubborn, signal.SIGKILL)
    await_ends(stubborn, grace_seconds)
    return stubborn


def await_ends(processes: Iterable[Tagged], timeout_seconds: float) -> list[Tagged]:
    """Wait for all to end. Returns those that still run after the timeout."""
    living = {process.pidfd: process for process in processes}
    poller = select.poll()
    for pidfd in living:
        poller.register(pidfd, select.POLLIN)
    deadline = time.monotonic() + timeout_seconds
    while living and (left := deadline - time.monotonic()) > 0:
        for pidfd, _ in poller.poll(left * 1000):
            poller.unregister(pidfd)
            del living[pidfd]
    return list(living.values())


@contextlib.contextmanager
def _find(name_of: Callable[[dict[str, str]], str | None]) -> Iterator[list[Tagged]]:
    found: list[Tagged] = []
    try:
        for entry in _PROC.iterdir():
            if entry.name.isdecimal() and int(entry.name) != os.getpid():
                tagged = _prove(int(entry.name), name_of)
                if tagged is not None:
                    found.append(tagged)
        yield found
    finally:
        for process in found:
            os.close(process.pidfd)


def _prove(pid: int, name_of: Callable[[dict[str, str]], str | None]) -> Tagged | None:
    """Open the pidfd and then read the environment again: the proof is about the process of the pidfd."""
    if name_of(_environment(pid)) is None:
        return None
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    name = name_of(_environment(pid))
    if name is None:
        os.close(pidfd)
        return None
    return Tagged(pid, pidfd, name)


def _environment(pid: int) -> dict[str, str]:
    """The environment of a process. Empty for a process of another user, a kernel thread, or one that has ended."""
    try:
        pairs = (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    split = (pair.partition(b"=") for pair in pairs)
    return {os.fsdecode(name): os.fsdecode(value) for name, equals, value in split if equals}


def _signal(processes: Iterable[Tagged], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(process.pidfd, number)
