"""A node's store on disk: its directory, its engine, its committer.

Layout of the storage path::

    LOCK          held by the process that uses the store, with its pid inside
    db/           the engine's files, write-ahead log included
    checkpoints/  copies from ``checkpoint``, one directory each
    tmp/          unfinished copies; emptied at every start
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sutra_grid.core.errors import (
    AlreadyExists,
    FailedPrecondition,
    GridError,
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
)
from sutra_grid.core.types import Reason
from sutra_grid.runtime.files import lock_file
from sutra_grid.runtime.logging import get_logger
from sutra_grid.storage.committer import Committer
from sutra_grid.storage.descriptors import MOST_TABLES
from sutra_grid.storage.engine import Engine, EngineStatistics, Shortage
from sutra_grid.storage.keyspace import Committed, Draft, load
from sutra_grid.storage.memory import MemoryBudget
from sutra_grid.storage.rocks import RocksEngine

T = TypeVar("T")

log = get_logger(__name__)

CHECKPOINT_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the store as it was at ``revision``: a directory of the engine's files."""

    path: Path
    revision: int
    keys: int
    size_bytes: int


class Store:
    """An open store. Safe from any thread; a context manager that closes it.

    Reads come from ``state``; writes go through ``write``. Only one process has a store open.
    """

    def __init__(self, path: Path, engine: Engine, committer: Committer, resources: ExitStack) -> None:
        self._path = path
        self._engine = engine
        self._committer = committer
        self._resources = resources

    @classmethod
    def open(cls, path: Path, budget: MemoryBudget, open_files: int = MOST_TABLES) -> Store:
        """Open the store at ``path``, or create an empty one. At most ``open_files`` sorted files stay open.

        Raises a ``GridError`` for a path that is not a usable directory, and for a store that another
        process has open (the message names its pid), that is damaged, or of a newer version.
        """
        with ExitStack() as resources:
            prepare_directory(path)
            resources.enter_context(lock_file(path / "LOCK"))
            shutil.rmtree(path / "tmp", ignore_errors=True)
            engine = RocksEngine(path / "db", budget, open_files)
            resources.callback(_close, engine)
            committer = Committer(engine, load(engine.view()))
            resources.callback(committer.close)
            committer.start()
            return cls(path, engine, committer, resources.pop_all())

    @property
    def path(self) -> Path:
        """The directory of the store."""
        return self._path

    @property
    def engine_name(self) -> str:
        """Name and version of the engine, for people."""
        return self._engine.name

    @property
    def state(self) -> Committed:
        """The newest state that is certainly on disk."""
        return self._committer.state

    @property
    def failure(self) -> GridError | None:
        """Why the store is read-only; None while it is not."""
        return self._committer.failure

    @property
    def commits(self) -> int:
        """The number of groups synced since the start."""
        return self._committer.commits

    @property
    def writes(self) -> int:
        """The number of writes committed since the start."""
        return self._committer.writes

    def write(self, evaluate: Callable[[Draft], T]) -> T:
        """Do one write; see ``Committer.write``."""
        return self._committer.write(evaluate)

    def flush(self) -> int:
        """Move everything into sorted files. Returns a revision that they contain."""
        revision = self.state.revision
        self._engine.flush()
        self._committer.renew_view()
        return revision

    def compact(self) -> None:
        """Free the space of overwritten and deleted data."""
        self._engine.compact()
        self._committer.renew_view()

    def statistics(self) -> EngineStatistics:
        """The current sizes."""
        return self._engine.statistics()

    def checkpoint(self, name: str) -> Copy:
        """Copy the store into ``checkpoints/NAME`` while it is in use; an empty name becomes the revision.

        Files are linked, so it is fast and takes space only as the store changes.
        """
        if name and not CHECKPOINT_NAME.fullmatch(name):
            raise InvalidArgument(
                f"invalid checkpoint name {name!r}",
                reason=Reason.INVALID_ARGUMENT,
                hint="Use 1 to 128 letters, digits, '-', '_' and '.', without a leading '.'",
            )
        directory = self._path / "checkpoints"
        directory.mkdir(exist_ok=True)
        return self._copy(lambda state: directory / (name or str(state.revision)))

    @contextmanager
    def temporary_copy(self) -> Iterator[Copy]:
        """A copy that exists as long as the context."""
        scratch = self._path / "tmp"
        scratch.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=scratch) as directory:
            yield self._copy(lambda _: Path(directory) / "db")

    def close(self) -> None:
        """Commit waiting writes, flush, close the files and release the lock. Idempotent."""
        self._resources.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _copy(self, target: Callable[[Committed], Path]) -> Copy:
        """Copy between two groups, so that the copy holds exactly one revision."""
        failure = self.failure
        if failure is not None:
            hint = "Remove the cause and restart the node first: until then, the content of the disk is uncertain"
            if isinstance(failure, Shortage):
                hint = "Remove the cause first: the node then writes again by itself"
            raise FailedPrecondition(f"the store is read-only and can't be copied: {failure.message}", hint=hint)
        self._engine.flush()  # the long part, while writes continue

        def copy(state: Committed) -> Copy:
            path = target(state)
            if path.exists():
                raise AlreadyExists(f"{path} already exists", reason=Reason.PATH_TAKEN, hint="Choose another name")
            self._engine.checkpoint(path)
            return Copy(path, state.revision, state.keys, sum(file.stat().st_size for file in path.iterdir()))

        return self._committer.pause(copy)


def _close(engine: Engine) -> None:
    try:
        engine.close()
    except GridError as error:  # a full disk: acknowledged writes are in the log, where the next start finds them
        log.warning("the engine could not flush when it closed", message=str(error))


def prepare_directory(path: Path) -> None:
    """Create the directory ``path`` and check that it is writable. Raises a ``GridError`` that says why it is not."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (FileExistsError, NotADirectoryError) as error:
        raise FailedPrecondition(
            f"storage path {path}: {error.filename or path} is not a directory",
            reason=Reason.PATH_NOT_WRITABLE,
            hint="Use a directory, or a path where one can be created",
        ) from error
    except OSError as error:
        raise _path_error(path, error) from error


def _path_error(path: Path, error: OSError) -> GridError:
    message = f"storage path {path} can't be written: {os.strerror(error.errno or 0)}"
    if error.errno in {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}:
        return ResourceExhausted(message, reason=Reason.DISK_FULL, hint="Free disk space, then start the node again")
    return PermissionDenied(
        message,
        reason=Reason.PATH_NOT_WRITABLE,
        hint="The node's user must own the directory and be able to write to it",
    )
