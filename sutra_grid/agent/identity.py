"""Who a process is: this very process of this boot, and whether it is one of ours.

A pid alone proves nothing, it may be another's by now. Proof is the boot's id, the
pid, the kernel's start time of the process, and the tag that the agent put into its
environment at the launch. Reads ``/proc``; where there is none, asks psutil.
Nothing here signals anything.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from sutra_grid.core.node_runtime import ProcessIdentity
from sutra_grid.core.types import NodeSpec

TAG_LAUNCH = "SUTRA_GRID_LAUNCH"  # HOST_ID/NODE_ID/NUMBER
TAG_NODE_ID = "SUTRA_GRID_NODE_ID"
TAG_AGENT_ID = "SUTRA_GRID_AGENT_ID"
TAG_GENERATION = "SUTRA_GRID_GENERATION"
TAG_ENGINE = "SUTRA_GRID_ENGINE"
TAG_PORT = "SUTRA_GRID_PORT"
TAG_STORAGE_PATH = "SUTRA_GRID_STORAGE_PATH"
TAG_MEMORY_LIMIT_MB = "SUTRA_GRID_MEMORY_LIMIT_MB"

_PROC = Path("/proc")
_START_TICKS_FIELD = 22
_DEAD_STATES = frozenset("ZXx")


@dataclass(frozen=True, slots=True)
class LaunchTag:
    """What one launch puts into the environment of its process, and nobody else's has."""

    host_id: str
    node_id: str
    launch: int

    def __str__(self) -> str:
        return f"{self.host_id}/{self.node_id}/{self.launch}"

    @classmethod
    def parse(cls, text: str) -> LaunchTag | None:
        """None for what no agent wrote."""
        parts = text.split("/")
        if len(parts) != 3 or not parts[2].isdecimal():
            return None
        return cls(parts[0], parts[1], int(parts[2]))


@dataclass(frozen=True, slots=True)
class FoundProcess:
    """A living process that carries a tag of this agent's host, and what it was started with."""

    node_id: str
    identity: ProcessIdentity
    spec: NodeSpec
    generation: int


@functools.cache
def boot_id() -> str:
    """The id of this boot of the host; another one after every boot."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return f"boot-{int(psutil.boot_time())}"


def start_ticks(pid: int, *, zombies: bool = False) -> int | None:
    """The kernel's start time of a living process; None when there is none.

    A zombie counts as none, unless ``zombies``: it has ended and only waits to be reaped.
    """
    if not _PROC.joinpath("self/stat").exists():
        return _start_ticks_by_psutil(pid)
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The command name stands in brackets and may hold spaces and brackets itself: count from the last one.
    fields = stat[stat.rindex(b")") + 2 :].split()
    if not zombies and fields[0].decode() in _DEAD_STATES:
        return None
    return int(fields[_START_TICKS_FIELD - 3])


def _start_ticks_by_psutil(pid: int) -> int | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return int(process.create_time() * 100)
    except psutil.Error:
        return None


def environment(pid: int) -> Mapping[str, str]:
    """The environment a process was started with; empty when it may not be read."""
    try:
        if _PROC.joinpath("self/environ").exists():
            pairs = (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
            return {
                os.fsdecode(name): os.fsdecode(value)
                for name, found, value in (p.partition(b"=") for p in pairs)
                if found
            }
        return psutil.Process(pid).environ()
    except (OSError, psutil.Error):
        return {}


def identify(pid: int, launch: int, *, zombies: bool = False) -> ProcessIdentity | None:
    """The identity of a process that was just started; None when it is gone."""
    ticks = start_ticks(pid, zombies=zombies)
    return None if ticks is None else ProcessIdentity(boot_id(), pid, ticks, launch)


def is_proved(identity: ProcessIdentity, tag: LaunchTag) -> bool:
    """Whether the pid still is the very process of ``identity`` and carries ``tag``."""
    return (
        identity.boot_id == boot_id()
        and start_ticks(identity.pid) == identity.start_ticks
        and environment(identity.pid).get(TAG_LAUNCH) == str(tag)
    )


def find_own_processes(host_id: str) -> list[FoundProcess]:
    """All living processes that the agent of this state directory launched, oldest first.

    Only leaders of a session: what a node started itself has inherited the
    environment, but not the session's leadership.
    """
    found = [process for pid in _pids() if (process := _own_process(pid, host_id)) is not None]
    return sorted(found, key=lambda process: process.identity.start_ticks)


def _pids() -> Iterator[int]:
    return iter(psutil.pids())


def _own_process(pid: int, host_id: str) -> FoundProcess | None:
    variables = environment(pid)
    tag = LaunchTag.parse(variables.get(TAG_LAUNCH, ""))
    if tag is None or tag.host_id != host_id or not _leads_session(pid):
        return None
    identity = identify(pid, tag.launch)
    if identity is None:
        return None
    return FoundProcess(tag.node_id, identity, _tagged_spec(variables), _number(variables, TAG_GENERATION))


def _leads_session(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except OSError:
        return False


def _tagged_spec(variables: Mapping[str, str]) -> NodeSpec:
    return NodeSpec(
        engine=variables.get(TAG_ENGINE, ""),
        port=_number(variables, TAG_PORT),
        storage_path=variables.get(TAG_STORAGE_PATH, ""),
        memory_limit_mb=_number(variables, TAG_MEMORY_LIMIT_MB),
    )


def _number(variables: Mapping[str, str], name: str) -> int:
    text = variables.get(name, "")
    return int(text) if text.isdecimal() else 0
