"""Files that survive a crash at any moment, and lock files."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sutra_grid.core.errors import AlreadyExists, FailedPrecondition
from sutra_grid.core.types import Reason
from sutra_grid.runtime.steps import Step, reached

PREVIOUS_SUFFIX: Final = ".previous"


def write_atomically(path: Path, data: bytes, *, keep_previous: bool = False) -> None:
    """Replace the content of ``path`` durably: readers see the old or the new content, also after a crash.

    With ``keep_previous`` the old content stays beside it as ``NAME.previous``; ``path`` itself exists at
    every moment. Blocks for three syncs of the disk. The caller ensures that a path has one writer.
    Raises ``OSError`` (``ENOSPC`` on a full disk) with ``path`` unchanged.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        reached(Step.FILE_WRITTEN)
        if keep_previous:
            _keep(path)
            reached(Step.FILE_KEPT)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable: without it, a rename or unlink may be lost at a power failure."""
    _sync(directory, os.O_DIRECTORY)


def sync_file(file: Path) -> None:
    """Make the content of a file durable, for files that a library has written."""
    _sync(file, 0)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep(path: Path) -> None:
    previous = path.with_name(path.name + PREVIOUS_SUFFIX)
    link = path.with_name(f".{previous.name}.tmp")
    link.unlink(missing_ok=True)
    try:
        os.link(path, link)
    except FileNotFoundError:
        return  # the first write: there is no old content
    os.replace(link, previous)


@contextlib.contextmanager
def lock_file(path: Path, purpose: str = "") -> Iterator[None]:
    """Hold the lock on ``path`` while the context lasts; the kernel releases it if the process dies.

    Creates the file if need be. It contains the holder's pid and ``purpose``, and stays afterwards:
    if it were removed, two processes could hold locks on two files of one name. Never waits. Raises
    ``AlreadyExists``, which names the holder, when another process has the lock, and
    ``FailedPrecondition`` when the file can't be created.
    """
    descriptor = _open_lock(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise _refusal(path, descriptor, error) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {purpose}\n".encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise FailedPrecondition(
            f"the lock file {path} can't be opened: {error.strerror}",
            reason=Reason.PATH_NOT_WRITABLE,
            hint="Create its directory, owned by the user that runs this program",
        ) from error


def _refusal(path: Path, descriptor: int, error: OSError) -> AlreadyExists | FailedPrecondition:
    if error.errno not in (errno.EAGAIN, errno.EACCES):
        return FailedPrecondition(
            f"{path} can't be locked: {error.strerror}",
            reason=Reason.UNSUPPORTED,
            hint="Use a file system with locks; some NFS mounts have none",
        )
    pid, _, purpose = os.pread(descriptor, 1024, 0).decode(errors="replace").strip().partition(" ")
    holder = f"process {pid} ({_command(pid)})" if pid.isdecimal() else "another process"
    return AlreadyExists(
        f"{path} is locked by {holder}{', ' + purpose if purpose else ''}",
        reason=Reason.PATH_TAKEN,
        hint="Stop that process first, or use another directory",
    )


def _command(pid: str) -> str:
    try:
        arguments = Path("/proc", pid, "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return "its command can't be read"
    return b" ".join(arguments).decode(errors="replace") or "unknown command"
