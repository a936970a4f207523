"""An error of the operating system as an error of the grid."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from sutra_grid.core.errors import FailedPrecondition, GridError, ResourceExhausted
from sutra_grid.core.types import Reason
from sutra_grid.runtime.shortage import shortage_of


def from_os_error(what: str, error: OSError, reason: Reason) -> GridError:
    """``what`` failed with ``error``. A full disk and a shortage have reasons of their own instead of ``reason``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceExhausted(
            f"{what}: {error.strerror}", reason=Reason.DISK_FULL, hint="Free space on that file system"
        )
    if shortage := shortage_of(error):
        return ResourceExhausted(f"{what}: {shortage.problem}", reason=Reason.LIMIT_REACHED, hint=shortage.hint)
    return FailedPrecondition(
        f"{what}: {error.strerror or error}",
        reason=reason,
        hint="Check the path, and the permissions of the agent's user",
    )


@contextlib.contextmanager
def os_errors_as(what: str, reason: Reason) -> Iterator[None]:
    """Raise ``from_os_error`` for an ``OSError`` of the block."""
    try:
        yield
    except OSError as error:
        raise from_os_error(what, error, reason) from error


def unread_processes_as_error() -> contextlib.AbstractContextManager[None]:
    """Raise ``GridError`` when descriptors or memory run out while the processes of the host are read in the block."""
    return os_errors_as("the processes of this host can't be read", Reason.LIMIT_REACHED)
