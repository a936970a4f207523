"""The process table, read from /proc: which processes of a grid run, whatever the grid reports."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from support.waiting import eventually

NODE_TAG = b"SUTRA_GRID_NODE_ID="
NODE_ID = re.compile(r"\bnode-[0-9a-f]{8}\b")


@dataclass(frozen=True, slots=True)
class NodeProcess:
    """A live process of a storage node. ``start_ticks`` tells it from a later one with the same pid."""

    node_id: str
    pid: int
    start_ticks: int


def node_processes(root: Path) -> list[NodeProcess]:
    """Every live process below ``root`` that is a storage node's; one node may have none, one or (wrongly) more."""
    found = []
    for pid in processes_below(root):
        node_id = node_id_of(pid)
        ticks = start_ticks(pid)
        if node_id and ticks:
            found.append(NodeProcess(node_id, pid, ticks))
    return found


def processes_below(root: Path) -> list[int]:
    """Pids of the live processes that name ``root`` in their arguments or environment, or write below it."""
    return [pid for pid in all_pids() if pid != os.getpid() and belongs_to(pid, root)]


def all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def belongs_to(pid: int, root: Path) -> bool:
    needle = f"{root}/"
    if needle.encode() in _read(pid, "cmdline") or needle.encode() in _read(pid, "environ"):
        return True
    # Programs that set their own title (redis, PostgreSQL) overwrite arguments and environment; their output stays.
    return any(_link(pid, name).startswith(needle) for name in ("fd/1", "fd/2"))


def node_id_of(pid: int) -> str:
    """The node that a process belongs to: by its tag, else by the log that it writes; empty for other processes."""
    for entry in _read(pid, "environ").split(b"\0"):
        if entry.startswith(NODE_TAG):
            return entry.removeprefix(NODE_TAG).decode()
    match = NODE_ID.search(_link(pid, "fd/1"))
    return match.group() if match else ""


def start_ticks(pid: int) -> int:
    """Kernel start time (field 22 of /proc/PID/stat, proc(5)); 0 when the process is gone or a zombie."""
    stat = _read(pid, "stat")
    if not stat:
        return 0
    fields = stat[stat.rindex(b")") + 2 :].split()
    return 0 if fields[0] in {b"Z", b"X"} else int(fields[19])


def is_alive(pid: int) -> bool:
    return start_ticks(pid) != 0


def is_stopped(pid: int) -> bool:
    """Whether a SIGSTOP has stopped the process."""
    return b") T " in _read(pid, "stat")


def kill(pids: Iterable[int], number: signal.Signals = signal.SIGKILL) -> None:
    """Signal each of the processes that is still there."""
    for pid in pids:
        assert pid > 1, f"no process to signal: pid {pid}"  # 0 would be this test's own process group
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def kill_and_wait(pids: Iterable[int], timeout_seconds: float = 5.0) -> None:
    """Send SIGKILL and return when all of the processes have ended."""
    doomed = list(pids)
    kill(doomed)
    eventually(lambda: not any(map(is_alive, doomed)), timeout_seconds, f"processes {doomed} ended by SIGKILL")


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _link(pid: int, name: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/{name}")
    except OSError:
        return ""
