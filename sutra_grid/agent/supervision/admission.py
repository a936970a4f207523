"""Checks a node before it gets a journal entry, and again before each launch.

The agent's configuration bounds everything that a caller can choose. A refusal names who uses what
was asked for, and leaves nothing behind. Used by the supervisor's thread only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from sutra_grid.agent.addresses import NodeAddresses
from sutra_grid.agent.config import AgentConfig
from sutra_grid.agent.engines import DEFAULT_ENGINE, Engine
from sutra_grid.agent.os_errors import os_errors_as
from sutra_grid.agent.supervision.node_ports import NodePorts
from sutra_grid.core.errors import (
    AlreadyExists,
    FailedPrecondition,
    GridError,
    InvalidArgument,
    ResourceExhausted,
)
from sutra_grid.core.types import NodeSpec, Reason
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.port_use import port_holders

log = get_logger(__name__)

_MIB = 1024 * 1024


class Admission:
    """The checks of one agent. ``others`` are the specifications of all other nodes, by node id."""

    def __init__(
        self, config: AgentConfig, addresses: NodeAddresses, check_disk: Callable[[], None] = lambda: None
    ) -> None:
        """``check_disk`` raises ``GridError`` while the data disk is not the one of the agent's start."""
        self._config = config
        self._ports = NodePorts(config.ports, addresses)
        self._data_path = config.data_path.resolve()
        self._state_path = config.state_path.resolve()
        self._check_disk = check_disk

    def resolve(self, node_id: str, requested: NodeSpec, others: Mapping[str, NodeSpec]) -> NodeSpec:
        """Check the requested specification and fill in what it leaves open. Does not touch the host.

        Raises ``GridError`` when the engine is unknown, no slot is free, or the port or path is
        in use by another node or outside the bounds.
        """
        engine = self.engine(requested.engine or DEFAULT_ENGINE)
        self._check_slots(others)
        path = self._resolve_path(node_id, requested.storage_path, others)
        ports = self._ports
        port = ports.check_asked(requested.port, others) if requested.port else ports.pick(engine, others)
        memory = requested.memory_limit_mb or self._config.default_memory_mb
        return NodeSpec(engine.name, port, str(path), memory)

    def engine(self, name: str) -> Engine:
        """The engine of that name. Raises ``InvalidArgument`` with the list of engines."""
        engine = self._config.engines.get(name)
        if engine is None:
            raise InvalidArgument(
                f"agent {self._config.agent_id} has no engine {name!r}",
                reason=Reason.UNKNOWN_ENGINE,
                hint=f"Choose one of: {', '.join(sorted(self._config.engines))}",
            )
        return engine

    def check_new(self, spec: NodeSpec) -> None:
        """Check the host for a new node. Raises ``GridError``, also when the disk has less free than its reserve."""
        self._check_disk()
        with os_errors_as(f"the free space of {self._data_path} can't be read", Reason.PATH_NOT_WRITABLE):
            free = shutil.disk_usage(_existing(self._data_path)).free
        if free < self._config.disk_reserve_bytes:
            raise ResourceExhausted(
                f"{self._data_path} has {free // _MIB} MiB free, less than the reserve of "
                f"{self._config.disk_reserve_bytes // _MIB} MiB",
                reason=Reason.DISK_FULL,
                hint="Free space there, or lower disk_reserve_mb in the agent's configuration",
            )
        self.check_launch(spec)

    def check_launch(self, spec: NodeSpec) -> None:
        """Check disk, program, directory and port before a process starts. Changes nothing. Raises ``GridError``."""
        self._ports.check_free(self.check_restart(spec), spec.port)

    def check_restart(self, spec: NodeSpec) -> Engine:
        """Check what a launch needs and its own process does not hold: all but the port. Returns the engine.

        Changes nothing. Raises ``GridError``.
        """
        self._check_disk()
        engine = self.engine(spec.engine)
        engine.binary()
        self._check_writable(Path(spec.storage_path))
        self._ports.check_address(engine)
        return engine

    def check_disk(self) -> None:
        """Raise ``GridError`` while the data disk is not the one of the agent's start."""
        self._check_disk()

    def port_holders(self, port: int) -> list[int]:
        """The pids that listen on the port, as far as this user can see them."""
        return port_holders(port)

    def connection_on_port(self, spec: NodeSpec) -> str:
        """The connection because of which nothing can listen on the node's port now, in words; empty if none is."""
        engine = self._config.engines.get(spec.engine)
        return self._ports.connection_on(engine, spec.port) if engine is not None else ""

    def make_directory(self, spec: NodeSpec) -> None:
        """Make the node's directory if it does not exist. Raises ``GridError``."""
        with os_errors_as(f"the storage path {spec.storage_path} can't be created", Reason.PATH_NOT_WRITABLE):
            Path(spec.storage_path).mkdir(parents=True, exist_ok=True)

    def missing_directory(self, spec: NodeSpec) -> str:
        """The topmost directory that ``make_directory`` would make; empty if it would make none."""
        path = Path(spec.storage_path)
        missing = [one for one in (path, *path.parents) if self._data_path in one.parents and not os.path.lexists(one)]
        return str(missing[-1]) if missing else ""

    def remove_empty_directory(self, spec: NodeSpec, made_path: str) -> None:
        """Remove the directories that were made for a node that was never ready, as far as nothing is in them.

        ``made_path`` is what ``missing_directory`` said before. Nothing is removed from another disk.
        """
        top, path = Path(made_path), Path(spec.storage_path)
        with contextlib.suppress(OSError, GridError):
            self._check_disk()
            for one in (path, *path.parents):
                if one != top and top not in one.parents:
                    return
                one.rmdir()
                log.info("empty directory removed", path=one)

    def _check_slots(self, others: Mapping[str, NodeSpec]) -> None:
        if len(others) >= self._config.max_storage_nodes:
            raise ResourceExhausted(
                f"agent {self._config.agent_id} has {len(others)} nodes, and max_storage_nodes is "
                f"{self._config.max_storage_nodes}",
                reason=Reason.SLOTS_FULL,
                hint="Use another agent, or raise max_storage_nodes. A stopped node keeps its slot; when it is removed "
                "(`sutra-grid-cli nodes remove NODE`), it can't be started again and its data stays",
            )

    def _resolve_path(self, node_id: str, requested: str, others: Mapping[str, NodeSpec]) -> Path:
        if "\0" in requested:
            raise InvalidArgument(
                "the storage path has a NUL character",
                reason=Reason.INVALID_ARGUMENT,
                hint="Choose a path below data_path, or omit it to use data_path/NODE_ID",
            )
        given = requested or node_id
        path = Path(os.path.realpath(self._data_path / given))
        if self._data_path not in path.parents:
            resolved = "" if given == str(path) else f"resolves to {path}, which "
            raise InvalidArgument(
                f"the storage path {given} {resolved}is not below data_path {self._data_path}",
                reason=Reason.PATH_OUTSIDE_DATA,
                hint="Choose a path below data_path, or omit it to use data_path/NODE_ID",
            )
        state_in_data = self._data_path in self._state_path.parents
        if path in self._state_path.parents or (state_in_data and _overlap(path, self._state_path)):
            raise InvalidArgument(
                f"the storage path {path} overlaps the agent's state_path {self._state_path}",
                reason=Reason.PATH_TAKEN,
                hint="Choose another path below data_path",
            )
        for other, spec in others.items():
            if spec.storage_path and _overlap(path, Path(spec.storage_path)):
                raise AlreadyExists(
                    f"the storage path {path} is in use by node {other} ({spec.storage_path})",
                    reason=Reason.PATH_TAKEN,
                    hint="Choose another path",
                )
        return path

    def _check_writable(self, path: Path) -> None:
        with os_errors_as(f"the storage path {path} can't be used", Reason.PATH_NOT_WRITABLE):
            nearest = _existing(path)
        if not nearest.is_dir():
            problem = f"{nearest} is not a directory"
        elif not os.access(nearest, os.W_OK | os.X_OK):
            problem = f"the agent's user can't write to {nearest}"
        else:
            return
        raise FailedPrecondition(
            f"the storage path {path} can't be used: {problem}",
            reason=Reason.PATH_NOT_WRITABLE,
            hint="Give the agent's user write permission there, or choose another path",
        )


def _existing(path: Path) -> Path:
    """The path itself, or the nearest directory above it that exists."""
    return next((one for one in (path, *path.parents) if one.exists()), path)


def _overlap(one: Path, other: Path) -> bool:
    return one == other or one in other.parents or other in one.parents
