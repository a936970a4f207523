"""The logs of all nodes of one agent: read by any thread, looked after by one."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from sutra_grid.agent.logs.node_log import NodeLog
from sutra_grid.agent.logs.parts import LIVE_SUFFIX
from sutra_grid.agent.logs.reading import Chunk
from sutra_grid.agent.logs.rotation import LogLimits
from sutra_grid.agent.names import is_name
from sutra_grid.agent.os_errors import os_errors_as
from sutra_grid.agent.report import NodeView
from sutra_grid.core.errors import InvalidArgument, NotFound
from sutra_grid.core.types import LogProblem, Reason

Tell = Callable[[str, LogProblem | None], object]

TAIL_LINES: Final = 20  # in a report
_TAIL_BYTES: Final = 8 * 1024  # every heartbeat carries the tails of all nodes that are not well
_LINE_LIMIT: Final = 500  # characters
DEFAULT_READ_BYTES: Final = 64 * 1024
MAX_READ_BYTES: Final = 1024 * 1024


class NodeLogs:
    """The logs below one directory."""

    def __init__(self, directory: Path, *, max_bytes: int, keep_files: int) -> None:
        self.directory = directory
        self._limits = LogLimits(max_bytes, keep_files)
        self._lock = threading.Lock()
        self._logs: dict[str, NodeLog] = {}  # guarded by _lock: of the nodes that the agent has

    def tail(self, node_id: str, lines: int = TAIL_LINES) -> tuple[str, ...]:
        """The last lines, bounded in number and length; empty when the log can't be read."""
        try:
            data = self.read(node_id, tail_lines=lines, max_bytes=_TAIL_BYTES).data
        except (NotFound, OSError):
            return ()
        return tuple(_shortened(line) for line in data.decode(errors="replace").splitlines())

    def read(self, node_id: str, *, cursor: str = "", tail_lines: int = 0, max_bytes: int = 0) -> Chunk:
        """Read on from ``cursor``. Without one, begin ``tail_lines`` before the end; 0: at the first byte kept.

        Of a tail that exceeds ``max_bytes`` the newest lines are read, and the chunk says how many are missing. Raises
        ``NotFound`` for a node without a log, ``InvalidArgument`` for an invalid cursor, and ``OSError``.
        """
        limit = min(max_bytes or DEFAULT_READ_BYTES, MAX_READ_BYTES)
        position = _position(cursor) if cursor else None
        with self._opened(node_id) as log:
            chunk = log.read(position, tail_lines, limit)
            note = log.note
        if chunk is None:
            raise _no_log(node_id, note)
        return replace(chunk, note=note) if note else chunk

    def prepare(self, node_id: str) -> None:
        """Before a launch of the node. Raises ``GridError`` when its log can't be used."""
        with (
            self._opened(node_id) as log,
            os_errors_as(f"the log {log.paths.live} can't be used", Reason.PATH_NOT_WRITABLE),
        ):
            log.prepare()

    def look(
        self,
        views: Iterable[NodeView],
        tell: Callable[[str, LogProblem | None], object] = lambda node_id, problem: None,
    ) -> None:
        """Look after the logs of these nodes, and rotate those of others. ``tell`` gets what is wrong with each node's.

        Raises the first ``OSError`` after trying every log. One thread calls it.
        """
        problems: list[OSError] = []
        shown = {view.runtime.node_id: view.runtime.record.process for view in views}
        for node_id, process in shown.items():
            try:
                tell(node_id, self._kept(node_id).look(process))
            except OSError as error:
                problems.append(error)
        self._forget_except(shown.keys())
        for node_id in self._others(shown.keys()):
            try:
                with self._opened(node_id) as log:
                    log.look(None)
            except OSError as error:
                problems.append(error)
        if problems:
            raise problems[0]

    def close(self) -> None:
        """Release all descriptors."""
        self._forget_except(())

    @contextmanager
    def _opened(self, node_id: str) -> Iterator[NodeLog]:
        """The log of a node that the agent has, or one of another node for the time of the block."""
        if not is_name(node_id):  # the id comes from a caller and becomes a path
            raise _no_log(node_id)
        with self._lock:
            known = self._logs.get(node_id)
        if known is not None:
            yield known
            return
        log = NodeLog(self.directory, node_id, self._limits)
        try:
            yield log
        finally:
            log.close()

    def _kept(self, node_id: str) -> NodeLog:
        with self._lock:
            return self._logs.setdefault(node_id, NodeLog(self.directory, node_id, self._limits))

    def _forget_except(self, node_ids: Iterable[str]) -> None:
        with self._lock:
            gone = [self._logs.pop(node_id) for node_id in self._logs.keys() - set(node_ids)]
        for log in gone:
            log.close()

    def _others(self, node_ids: Iterable[str]) -> list[str]:
        """Nodes that the agent does not manage and whose live files are too large: something still writes to them."""
        managed = set(node_ids)
        found = []
        for entry in os.scandir(self.directory):
            node_id = entry.name.removesuffix(LIVE_SUFFIX)
            if node_id == entry.name or node_id in managed:
                continue
            if entry.is_file(follow_symlinks=False) and entry.stat().st_size >= self._limits.max_bytes:
                found.append(node_id)
        return sorted(found)


def _shortened(line: str) -> str:
    if len(line) <= _LINE_LIMIT:
        return line
    mark = f" … ({len(line)} characters)"
    return line[: _LINE_LIMIT - len(mark)] + mark


def _no_log(node_id: str, note: str = "") -> NotFound:
    return NotFound(
        f"node {node_id} has no log on this agent{': ' if note else ''}{note}",
        reason=Reason.UNKNOWN_NODE,
        hint="The node was never started here. Find its agent with: sutra-grid-cli nodes list",
    )


def _position(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdecimal()):
        raise InvalidArgument(
            f"invalid cursor {cursor!r}",
            reason=Reason.INVALID_ARGUMENT,
            hint="Pass the cursor of the previous chunk, or omit it to start from the beginning",
        )
    return int(cursor)
