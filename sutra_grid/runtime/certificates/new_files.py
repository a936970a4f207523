"""Writes certificates and keys: exclusively, durably, and both or none."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from sutra_grid.core.errors import AlreadyExists, FailedPrecondition, GridError, ResourceExhausted
from sutra_grid.core.types import Reason
from sutra_grid.runtime.files import sync_directory

CERTIFICATE_MODE: Final = 0o644
KEY_MODE: Final = 0o600


class NewFile(NamedTuple):
    """What to write, where, and with which mode."""

    path: Path
    data: bytes
    mode: int


def write_pair(cert_path: Path, key_path: Path, certificate_pem: bytes, key_pem: bytes) -> None:
    """Write a certificate (mode 0644) and its key (mode 0600), or neither of them. Nothing is overwritten.

    Both are on the disk when it returns. Raises ``AlreadyExists``, ``FailedPrecondition`` when a file can't be
    written, and ``ResourceExhausted`` on a full disk.
    """
    write_new([NewFile(key_path, key_pem, KEY_MODE), NewFile(cert_path, certificate_pem, CERTIFICATE_MODE)])


def write_new(files: Sequence[NewFile]) -> None:
    """Write all ``files`` or none; see ``write_pair``."""
    for file in files:
        if os.path.lexists(file.path):
            raise _exists(file.path)
    written: list[Path] = []
    try:
        for file in files:
            _write(file, written)
        for directory in dict.fromkeys(file.path.parent for file in files):
            sync_directory(directory)
    except BaseException as error:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        if isinstance(error, OSError):
            raise _failed(files[max(0, len(written) - 1)].path, error) from error
        raise


def _write(file: NewFile, written: list[Path]) -> None:
    try:
        descriptor = os.open(file.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, KEY_MODE)
    except OSError as error:
        raise _failed(file.path, error) from error
    written.append(file.path)
    with open(descriptor, "wb") as stream:
        os.fchmod(descriptor, file.mode)  # whatever the umask is
        if os.fstat(descriptor).st_mode & (stat.S_IRWXG | stat.S_IRWXO) & ~file.mode:
            raise FailedPrecondition(
                f"{file.path} can't be kept private: its file system has no permissions",
                reason=Reason.PATH_NOT_WRITABLE,
                hint="Use a directory on a Linux file system, such as ext4 or xfs",
            )
        stream.write(file.data)
        stream.flush()
        os.fsync(descriptor)


def _failed(path: Path, error: OSError) -> GridError:
    if error.errno == errno.EEXIST:
        return _exists(path)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceExhausted(
            f"{path} can't be written: {error.strerror}", reason=Reason.DISK_FULL, hint="Free space on the disk"
        )
    if error.errno == errno.ENOENT:
        return FailedPrecondition(
            f"{path} can't be written: its directory does not exist",
            reason=Reason.PATH_NOT_WRITABLE,
            hint=f"Create it with `mkdir -p -m 700 {shlex.quote(str(path.parent))}`",
        )
    return FailedPrecondition(
        f"{path} can't be written: {error.strerror}",
        reason=Reason.PATH_NOT_WRITABLE,
        hint="Check the directory's permissions",
    )


def _exists(path: Path) -> AlreadyExists:
    return AlreadyExists(
        f"{path} exists, and keys and certificates are never overwritten",
        reason=Reason.PATH_TAKEN,
        hint="Move the file away, or write to another directory with --dir",
    )
