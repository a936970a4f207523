"""Plans the launch of a node: program, arguments, environment, tag, log file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sutra_grid.agent.engines import Engine
from sutra_grid.agent.processes.launch_tag import (
    LOG_SUFFIX,
    TAG_AGENT_ID,
    TAG_ENGINE,
    TAG_GENERATION,
    TAG_HOST,
    TAG_LAUNCH,
    TAG_MEMORY_LIMIT_MB,
    TAG_NODE_ID,
    TAG_PORT,
    TAG_STORAGE_PATH,
    LaunchMark,
    LaunchTag,
)
from sutra_grid.agent.processes.member_search import LaunchClues
from sutra_grid.core.node.record import NodeRecord, ProcessIdentity

_OWN_PREFIX: Final = "SUTRA_GRID_"
# What systemd tells the agent about the agent. With these a node could speak for the agent's unit, take its sockets
# for its own, or read its credentials.
_OF_THE_UNIT: Final = frozenset(
    {
        "NOTIFY_SOCKET",
        "WATCHDOG_PID",
        "WATCHDOG_USEC",
        "LISTEN_FDS",
        "LISTEN_FDNAMES",
        "LISTEN_PID",
        "LISTEN_PIDFDID",
        "FDSTORE",
        "MAINPID",
        "SYSTEMD_EXEC_PID",
        "INVOCATION_ID",
        "JOURNAL_STREAM",
        "CREDENTIALS_DIRECTORY",
        "MEMORY_PRESSURE_WATCH",
        "MEMORY_PRESSURE_WRITE",
    }
)


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """Everything that is needed to start one process. ``environment`` is complete and has the tag of ``mark``."""

    mark: LaunchMark
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    directory: Path


class LaunchPlanner:
    """Plans the launches of one agent. The mark identifies a process as launched from this state directory."""

    def __init__(
        self, *, agent_id: str, host_id: str, log_directory: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self._agent_id = agent_id
        self._host_id = host_id
        self._log_directory = log_directory
        inherited = os.environ if environ is None else environ
        self._environment = {name: value for name, value in inherited.items() if _is_for_nodes(name)}

    @property
    def host_id(self) -> str:
        """The identity of the state directory, which is in the tag of every launch."""
        return self._host_id

    def mark(self, node_id: str, launch: int) -> LaunchMark:
        """What proves that a process is this launch of this node."""
        return LaunchMark(LaunchTag(self._host_id, node_id, launch), self._log_directory / f"{node_id}{LOG_SUFFIX}")

    def clues(self, record: NodeRecord, leader: ProcessIdentity | None, *, is_watched: bool = True) -> LaunchClues:
        """What identifies the processes of the node's launch. ``leader`` and ``is_watched`` as in ``LaunchClues``."""
        node_id = record.assignment.node_id
        return LaunchClues(
            node_id=node_id,
            launch=leader.launch if leader is not None else record.launches,
            leader=leader,
            log_path=self._log_directory / f"{node_id}{LOG_SUFFIX}",
            directory=Path(record.assignment.spec.storage_path or os.devnull),
            is_watched=is_watched,
        )

    def plan(self, record: NodeRecord, engine: Engine) -> LaunchPlan:
        """Plan the launch that the record has announced. Raises ``GridError`` when the program can't be executed."""
        node_id, spec = record.assignment.node_id, record.assignment.spec
        mark, host = self.mark(node_id, record.launches), record.listen_host
        tags = {
            TAG_LAUNCH: str(mark.tag),
            TAG_NODE_ID: node_id,
            TAG_AGENT_ID: self._agent_id,
            TAG_GENERATION: str(record.launch_generation),
            TAG_ENGINE: spec.engine,
            TAG_HOST: host,
            TAG_PORT: str(spec.port),
            TAG_STORAGE_PATH: spec.storage_path,
            TAG_MEMORY_LIMIT_MB: str(spec.memory_limit_mb),
        }
        return LaunchPlan(
            mark=mark,
            argv=engine.command(node_id, spec, host),
            environment={**self._environment, **engine.variables(node_id, spec, host), **tags},
            directory=Path(spec.storage_path),
        )


def _is_for_nodes(name: str) -> bool:
    """False for the agent's settings, the tag of a node that may have started this agent, and what is of its unit."""
    return not name.startswith(_OWN_PREFIX) and name not in _OF_THE_UNIT
