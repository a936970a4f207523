"""A process that does not belong to the agent and records every signal that it gets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from support.waiting import eventually
from sutra_grid.agent.processes.identity import identify
from sutra_grid.core.node.record import ProcessIdentity

_SOURCE = """
import os, signal, sys
notes = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, lambda number, frame: os.write(notes, f"{number}\\n".encode()))
os.write(notes, b"ready\\n")
while True:
    signal.pause()
"""


class ForeignProcess:
    """Lives until it is closed. ``leads``: it has a session of its own, as a node has."""

    def __init__(self, notes: Path, environment: Mapping[str, str] | None = None, *, leads: bool = True) -> None:
        self._notes = notes
        notes.touch()
        self._process = subprocess.Popen(
            [sys.executable, "-SE", "-c", _SOURCE, str(notes)],
            stdin=subprocess.DEVNULL,
            env={"NONE": "of yours"} if environment is None else dict(environment),
            start_new_session=leads,
        )
        eventually(notes.read_text, message="a foreign process that notes its signals")

    @property
    def pid(self) -> int:
        return self._process.pid

    def identity(self, launch: int) -> ProcessIdentity:
        """What a journal would hold if it were the node's process of that launch."""
        identity = identify(self.pid, launch)
        assert identity is not None
        return identity

    def harm(self) -> list[str]:
        """The signals that it got, and whether it is gone; empty when it was left in peace."""
        signals = [f"signal {number}" for number in self._notes.read_text().split()[1:]]
        code = self._process.poll()
        return signals if code is None else [*signals, f"ended with {code}"]

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
