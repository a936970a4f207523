"""The log of one node: finds the file that the node writes to, reads it, and keeps it bounded.

The node has its log file open, and nobody can give it another one. When the file is renamed or deleted, the node
writes on to the same inode. So the log follows the inode, not the name: through a descriptor of its own, or through
``/proc/PID/fd/1`` after a restart of the agent. Every byte keeps its offset in the whole log, also when the node
writes to another file later.
"""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sutra_grid.agent.logs import rotation
from sutra_grid.agent.logs.output import Output, output_of
from sutra_grid.agent.logs.parts import FileKey, LogPaths, key_of
from sutra_grid.agent.logs.reading import Chunk, Segment, descriptor_segment, file_segment, read_from, read_tail
from sutra_grid.agent.logs.rotation import LogLimits
from sutra_grid.core.node.record import ProcessIdentity
from sutra_grid.core.types import LogProblem, Reason
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

#: Between the last known end of a file and what is written after somebody truncated it: nobody knows what is missing.
_UNKNOWN_GAP: Final = 1
_MIB: Final = 1024 * 1024
_EDGE_BYTES: Final = 64  # of two lines of a log these rarely agree: they have times or numbers


@dataclass(slots=True)
class _Live:
    """The file that the node writes to. ``size`` is what was seen of it last, and ``edge`` its last bytes then."""

    descriptor: int
    key: FileKey
    start: int
    size: int = 0
    edge: bytes = b""

    def was_truncated(self, size: int) -> bool:
        """Whether somebody truncated it since, also when it has grown over its former size again."""
        at = self.size - len(self.edge)
        return size < self.size or os.pread(self.descriptor, len(self.edge), at) != self.edge

    def seen(self, size: int) -> None:
        """Its size is ``size`` now."""
        if size != self.size:
            self.replaced(size)

    def replaced(self, size: int) -> None:
        """It has ``size`` other bytes now."""
        self.size = size
        self.edge = os.pread(self.descriptor, min(_EDGE_BYTES, size), max(0, size - _EDGE_BYTES))


class NodeLog:
    """Thread-safe. A lock is held while it reads, looks or rotates: seconds on a slow disk."""

    def __init__(self, directory: Path, node_id: str, limits: LogLimits) -> None:
        self.paths = LogPaths(directory, node_id)
        self._node_id = node_id
        self._limits = limits
        self._lock = threading.Lock()
        # guarded by _lock:
        self._closed = False
        self._recorded: FileKey | None = None
        self._process: ProcessIdentity | None = None
        self._live: _Live | None = None
        self._moved: LogProblem | None = None
        self._elsewhere = ""  # for readers: where the program sends its output by itself
        self._dropped_bytes = 0
        self._unrotated: LogProblem | None = None

    def look(self, process: ProcessIdentity | None) -> LogProblem | None:
        """Find the file that ``process`` writes to, and rotate it when it is large. Returns what is wrong.

        ``process`` is None while the node has none. Raises ``OSError`` when the log's directory can't be used.
        """
        with self._lock:
            self._find(process)
            self._process = process
            if self._live is None or self._live.size < self._limits.max_bytes:
                self._unrotated, self._dropped_bytes = None, 0
            else:
                self._rotate(self._live)
            return _joined(self._unrotated, self._moved)

    def prepare(self) -> None:
        """Before a launch: make the log's file, and keep what an earlier one has that is no longer at its path.

        Raises ``OSError`` when the file can't be made.
        """
        with self._lock:
            self._find(None)
            self._process = None
            if self._live is None:
                os.close(os.open(self.paths.live, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640))
                self._find(None)
            if self._live is not None:
                self._write_origin(self._live.key)

    def read(self, cursor: int | None, tail_lines: int, limit: int) -> Chunk | None:
        """A chunk from ``cursor``, or of the last lines; None when the log has no file."""
        with self._lock:
            self._find(self._process)
            try:
                segments = self._segments()
                if not segments:
                    return None
                if cursor is None and tail_lines:
                    return read_tail(segments, tail_lines, limit)
                return read_from(segments, segments[0].start if cursor is None else cursor, limit)
            finally:
                if self._closed:  # by another thread, just before
                    self._release()

    @property
    def note(self) -> str:
        """For a reader: what is unusual about the log."""
        with self._lock:
            problem = _joined(self._unrotated, self._moved)
            return problem.message if problem else self._elsewhere

    def close(self) -> None:
        """Release the descriptor."""
        with self._lock:
            self._closed = True
            self._release()

    # -- the live file; all require the lock --

    def _find(self, process: ProcessIdentity | None) -> None:
        output = output_of(process)
        at_path = key_of(self.paths.live)
        self._elsewhere = ""
        if output is not None and output.key != at_path and self._is_own(output):
            self._follow(output.key, output.link)
            self._moved = _moved(self.paths.live, output)
        elif output is not None and output.key != at_path:
            self._follow(at_path, str(self.paths.live))
            self._moved, self._elsewhere = None, _elsewhere(self.paths.live, output)
        elif process is not None and output is None and self._live is not None and at_path != self._live.key:
            self._moved = _unseen(self.paths.live)  # /proc is closed to this user: the node has the file open still
        else:
            self._follow(at_path, str(self.paths.live))
            self._moved = None
            if output is not None:
                self._write_origin(output.key)
        self._note_truncation()

    def _is_own(self, output: Output) -> bool:
        """Whether a file is the node's log, though it is not at the log's path any more."""
        if self._live is not None and self._live.key == output.key:
            return True
        in_directory = output.path.parent == self.paths.live.parent.resolve()
        return (in_directory and output.path.name.startswith(self.paths.live.name)) or self._origin() == output.key

    def _follow(self, key: FileKey | None, path: str) -> None:
        """Take the file at ``path`` as the live one."""
        live = self._live
        if live is not None and live.key == key:
            return
        start = self._next_start() if live is None else self._leave(live)
        self._release()
        if key is None:
            return
        descriptor = _open(path)
        try:
            status = os.fstat(descriptor)
            if live is None:
                rotation.recover(self.paths, descriptor, start)
                start = self._next_start()
        except OSError:
            os.close(descriptor)
            raise
        self._live = _Live(descriptor, (status.st_dev, status.st_ino), start)
        self._live.seen(status.st_size)

    def _leave(self, live: _Live) -> int:
        """Keep what a file has that the node does not write to any more. Returns the start of the next one."""
        start = live.start + max(live.size, os.fstat(live.descriptor).st_size)
        try:
            if self._process is not None:
                return rotation.save(self.paths, live.descriptor, live.start)
            self.paths.mark(start)  # moved while the node was stopped: whoever did that has it
        except OSError as error:
            log.warning("log can't be kept", node=self._node_id, path=self.paths.live, error=error)
            with contextlib.suppress(OSError):
                self.paths.mark(start)
        return start

    def _note_truncation(self) -> None:
        """Offsets go on after a truncation by somebody else, such as logrotate's copytruncate."""
        live = self._live
        if live is None:
            return
        size = os.fstat(live.descriptor).st_size
        if live.was_truncated(size):
            start = live.start + live.size + _UNKNOWN_GAP
            log.warning("log truncated by another program", node=self._node_id, path=self.paths.live, bytes=live.size)
            live.start = start
            with contextlib.suppress(OSError):  # then a later agent begins at a lower offset
                self.paths.mark(start)
            live.replaced(size)
        live.seen(size)

    def _rotate(self, live: _Live) -> None:
        try:
            live.start = rotation.rotate(self.paths, live.descriptor, live.start, self._limits)
        except OSError as error:
            self._tell_unrotated(live, error)
        else:
            if self._unrotated is not None:
                log.info("log rotated again", node=self._node_id, path=self.paths.live)
            self._unrotated, self._dropped_bytes = None, 0
        live.replaced(os.fstat(live.descriptor).st_size)

    def _tell_unrotated(self, live: _Live, error: OSError) -> None:
        if self._unrotated is None:
            log.warning("log can't be rotated", node=self._node_id, path=self.paths.live, error=error)
        size = live.size
        dropped = 0
        with contextlib.suppress(OSError):
            dropped = rotation.shrink(self.paths, live.descriptor, live.start, self._limits)
        if dropped:
            self._dropped_bytes += dropped
            log.warning("log lines deleted", node=self._node_id, path=self.paths.live, bytes=dropped)
        if os.fstat(live.descriptor).st_size < size:
            live.start += size
        self._unrotated = _not_rotated(self.paths.live, error, self._limits, self._dropped_bytes)

    def _segments(self) -> list[Segment]:
        parts = [file_segment(part.path, part.start, part.end) for part in self.paths.parts()]
        live = self._live
        if live is None:
            return parts
        return [*parts, descriptor_segment(live.descriptor, live.start, live.start + live.size)]

    def _next_start(self) -> int:
        parts = self.paths.parts()
        return parts[-1].end if parts else 0

    def _release(self) -> None:
        if self._live is not None:
            os.close(self._live.descriptor)
            self._live = None

    def _origin(self) -> FileKey | None:
        """The file that was at the log's path when the node had it open, as an earlier agent saw it."""
        try:
            device, _, inode = self.paths.origin.read_text().partition(" ")
            return int(device), int(inode)
        except (OSError, ValueError):
            return None

    def _write_origin(self, key: FileKey) -> None:
        """Without it a later agent does not recognise the log after it was moved to another directory."""
        if self._recorded == key:
            return
        self._recorded = key  # also after a failure: a full disk is not tried every second
        try:
            self.paths.origin.write_text(f"{key[0]} {key[1]}\n")
        except OSError as error:
            log.debug("the log's origin can't be recorded", node=self._node_id, error=error)


def _moved(path: Path, output: Output) -> LogProblem:
    where = "a file that was deleted" if output.deleted else f"{output.path}"
    return LogProblem(
        Reason.LOG_MOVED,
        f"its output goes to {where}, and no longer to {path}: the log was "
        f"{'deleted' if output.deleted else 'renamed'} while the node had it open. The agent reads it there and keeps "
        "it bounded. A restart of the node opens the log at its path again",
    )


def _elsewhere(path: Path, output: Output) -> str:
    where = f"{output.path}{', which was deleted' if output.deleted else ''}"
    return (
        f"the program's standard output goes to {where}, and not to {path}. The agent did not open that file for it, "
        "so it neither reads it nor keeps it bounded"
    )


def _unseen(path: Path) -> LogProblem:
    return LogProblem(
        Reason.LOG_MOVED,
        f"the file at {path} is not the one that the node was started with. The agent may not see where the output "
        "goes now; it reads that file on and keeps it bounded. A restart of the node opens the log at its path again",
    )


def _not_rotated(path: Path, error: OSError, limits: LogLimits, dropped_bytes: int) -> LogProblem:
    dropped = f"; {dropped_bytes // _MIB} MiB of its oldest lines were deleted" if dropped_bytes else ""
    return LogProblem(
        Reason.LOG_NOT_ROTATED,
        f"its log {path} can't be rotated: {error.strerror or error}{dropped}. The agent tries again every second, and "
        f"deletes the oldest lines while all files of the log exceed {limits.total_bytes // _MIB} MiB",
    )


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except PermissionError:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # it can be read; a rotation will tell that it can't be


def _joined(first: LogProblem | None, second: LogProblem | None) -> LogProblem | None:
    if first is None or second is None:
        return first or second
    return LogProblem(first.reason, f"{first.message}. Also, {second.message}")
