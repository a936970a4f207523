"""Proves that a process is the agent's own: launched from this state directory, for this node.

A pid alone proves nothing, because the kernel reuses pids. A journaled process is proved by boot id,
pid and kernel start time, together with the mark of its launch: it is a session leader, and its
environment has the tag that the agent set. Its children inherit the tag, but they lead no session.

A program may have overwritten its environment, as redis does. Then its standard output, which the
agent opened on the node's log file, replaces the tag.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from sutra_grid.agent.processes.identity import boot_id, environment, identify, leads_session, output_file, start_ticks
from sutra_grid.core.node.record import ProcessIdentity
from sutra_grid.core.types import NodeSpec

TAG_LAUNCH = "SUTRA_GRID_LAUNCH"  # HOST_ID/NODE_ID/NUMBER
TAG_NODE_ID = "SUTRA_GRID_NODE_ID"
TAG_AGENT_ID = "SUTRA_GRID_AGENT_ID"
TAG_GENERATION = "SUTRA_GRID_GENERATION"
TAG_ENGINE = "SUTRA_GRID_ENGINE"
TAG_PORT = "SUTRA_GRID_PORT"
TAG_STORAGE_PATH = "SUTRA_GRID_STORAGE_PATH"
TAG_MEMORY_LIMIT_MB = "SUTRA_GRID_MEMORY_LIMIT_MB"

LOG_SUFFIX = ".log"


@dataclass(frozen=True, slots=True)
class LaunchTag:
    """Identifies one launch. It is in the environment of the launched process, and in that of no other launch."""

    host_id: str
    node_id: str
    launch: int

    def __str__(self) -> str:
        return f"{self.host_id}/{self.node_id}/{self.launch}"

    @classmethod
    def parse(cls, text: str) -> LaunchTag | None:
        """Read a tag; None when the text is not one."""
        parts = text.split("/")
        if len(parts) != 3 or not parts[2].isdecimal():
            return None
        return cls(parts[0], parts[1], int(parts[2]))


@dataclass(frozen=True, slots=True)
class LaunchMark:
    """Marks a process as one launch of one node: the tag, or standard output to the node's log."""

    tag: LaunchTag
    log_path: Path

    def matches(self, pid: int) -> bool:
        """Whether the process has the mark and is a session leader, so that it has not inherited the mark."""
        if not leads_session(pid):
            return False
        variables = environment(pid)
        if variables:
            return variables.get(TAG_LAUNCH) == str(self.tag)
        return output_file(pid) == file_key(self.log_path)


@dataclass(frozen=True, slots=True)
class FoundProcess:
    """A live process of the agent, with what its environment says about its launch.

    Without an environment only the log file identifies the node: ``identity.launch`` is 0 and ``spec`` is empty.
    """

    node_id: str
    identity: ProcessIdentity
    spec: NodeSpec
    generation: int


def is_proved(identity: ProcessIdentity, mark: LaunchMark) -> bool:
    """Whether the process of ``identity`` is still alive under its pid and has ``mark``."""
    return (
        identity.boot_id == boot_id()
        and start_ticks(identity.pid) == identity.start_ticks
        and mark.matches(identity.pid)
    )


def find_own_processes(host_id: str, log_directory: Path) -> list[FoundProcess]:
    """All live processes that were launched from this state directory, oldest first.

    Only session leaders: a child of a node inherits its environment and output, but leads no session.
    """
    logs = {file_key(path): path.name.removesuffix(LOG_SUFFIX) for path in log_directory.glob(f"*{LOG_SUFFIX}")}
    leaders = (pid for pid in psutil.pids() if leads_session(pid))
    found = [one for pid in leaders if (one := _own_process(pid, host_id, logs)) is not None]
    return sorted(found, key=lambda one: one.identity.start_ticks)


def _own_process(pid: int, host_id: str, logs: Mapping[tuple[int, int] | None, str]) -> FoundProcess | None:
    variables = environment(pid)
    if variables:
        tag = LaunchTag.parse(variables.get(TAG_LAUNCH, ""))
        if tag is None or tag.host_id != host_id:
            return None
        node_id, launch = tag.node_id, tag.launch
    else:
        output = output_file(pid)
        if output is None or output not in logs:
            return None
        node_id, launch = logs[output], 0
    identity = identify(pid, launch)
    if identity is None:
        return None
    return FoundProcess(node_id, identity, _tagged_spec(variables), _number(variables, TAG_GENERATION))


def file_key(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None when it can't be read."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


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
