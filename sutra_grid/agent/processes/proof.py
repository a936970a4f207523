"""Whether a process is one of ours: launched from this state directory, for this node.

A pid alone proves nothing, it may be another's by now. Proof of a journaled process is
the boot's id, the pid and the kernel's start time together with the mark of its
launch: it leads a session of its own, and the agent put a tag into its environment.
What it starts itself inherits the tag, but does not lead. A program may have written
over its environment (redis does); then its standard output, which the agent had
opened on the node's own log file, stands in for the tag.
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
class LaunchMark:
    """By what a process shows that it is that launch of that node: the tag, or its output to that log."""

    tag: LaunchTag
    log_path: Path

    def matches(self, pid: int) -> bool:
        """Whether the process carries it, and has not only inherited it: a launched one leads its session."""
        if not leads_session(pid):
            return False
        variables = environment(pid)
        if variables:
            return variables.get(TAG_LAUNCH) == str(self.tag)
        return output_file(pid) == file_key(self.log_path)


@dataclass(frozen=True, slots=True)
class FoundProcess:
    """A living process of ours, and what it was started with as far as that can be seen.

    The launch in ``identity`` is 0, and ``spec`` is empty, when only its output shows whose it is.
    """

    node_id: str
    identity: ProcessIdentity
    spec: NodeSpec
    generation: int


def is_proved(identity: ProcessIdentity, mark: LaunchMark) -> bool:
    """Whether the pid still is the very process of ``identity`` and carries ``mark``."""
    return (
        identity.boot_id == boot_id()
        and start_ticks(identity.pid) == identity.start_ticks
        and mark.matches(identity.pid)
    )


def find_own_processes(host_id: str, log_directory: Path) -> list[FoundProcess]:
    """All living processes that the agent of this state directory launched, oldest first.

    Only leaders of a session: what a node started itself has inherited environment and
    output, but not the session's leadership.
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
    """Device and inode of a file; None when there is none."""
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
