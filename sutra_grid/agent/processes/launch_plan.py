"""Plans the launch of a node: program, arguments, environment, tag, log file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sutra_grid.agent.engines import Engine
from sutra_grid.agent.inherited_environment import InheritedEnvironment
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
from sutra_grid.runtime.tls.section import TlsFiles


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
        self,
        *,
        agent_id: str,
        host_id: str,
        log_directory: Path,
        environ: Mapping[str, str] | None = None,
        tls_files: Callable[[str], TlsFiles] | None = None,
    ) -> None:
        """``tls_files`` names the files of a node's certificate; None for an agent that has no TLS."""
        self._agent_id = agent_id
        self._host_id = host_id
        self._log_directory = log_directory
        self._tls_files = tls_files
        self._inherited = InheritedEnvironment.of(os.environ if environ is None else environ)

    @property
    def host_id(self) -> str:
        """The identity of the state directory, which is in the tag of every launch."""
        return self._host_id

    def withheld_names(self, engines: Iterable[Engine]) -> list[str]:
        """The variables of the agent that no node of these engines gets, because they are secrets."""
        passed = {name for engine in engines for name in engine.pass_secrets}
        return sorted(self._inherited.withheld.keys() - passed)

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
        inherited = self._inherited.for_engine(engine.pass_secrets)
        return LaunchPlan(
            mark=mark,
            argv=self.command(record, engine),
            environment={
                **inherited,
                **engine.variables(node_id, spec, host, self._tls(record)),
                **tags,
            },
            directory=Path(spec.storage_path),
        )

    def command(self, record: NodeRecord, engine: Engine) -> tuple[str, ...]:
        """Program and arguments of the record's launch. Raises ``GridError`` when the program can't be executed."""
        assignment = record.assignment
        return engine.command(assignment.node_id, assignment.spec, record.listen_host, self._tls(record))

    def _tls(self, record: NodeRecord) -> TlsFiles | None:
        return self._tls_files(record.assignment.node_id) if record.tls and self._tls_files else None
