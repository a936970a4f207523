"""What RocksDB's messages mean. rocksdict raises a plain ``Exception`` with one for every failure. Pure."""

from __future__ import annotations

from pathlib import Path

from sutra_grid.core.errors import (
    AlreadyExists,
    FailedPrecondition,
    GridError,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
)
from sutra_grid.core.types import Reason
from sutra_grid.storage.engine import Shortage

FULL_SIGNS = ("No space left", "File too large", "Disk quota exceeded")
FILE_LIMIT_SIGNS = ("Too many open files",)
"""Of the process, and with "in system" of the whole host."""
UNCERTAIN_SIGNS = ("sync", "closing")
"""RocksDB names the step that failed. After a failed sync or close, what is on the disk is unknown."""
HELD_HERE = "lock hold by current process"
"""The files are still open in this process: a call of another thread has not ended."""


def write_error(error: Exception, path: Path) -> GridError:
    """The error of a write that did not reach its sync. It may also be that of a background thread before it."""
    step = str(error).replace(str(path), "").lower()
    if any(sign in step for sign in UNCERTAIN_SIGNS):
        return sync_error(error, path)
    message = f"storage engine at {path}: {error}"
    if any(sign in message for sign in FULL_SIGNS):
        hint = "Free disk space. The node then writes again by itself"
        return Shortage(message, reason=Reason.DISK_FULL, hint=hint)
    if any(sign in message for sign in FILE_LIMIT_SIGNS):
        hint = (
            "Raise the limit of open files of the node, or of its host. "
            "The node writes again by itself when it can open files"
        )
        return Shortage(message, reason=Reason.LIMIT_REACHED, hint=hint)
    if HELD_HERE in message:
        return Shortage(message, reason=Reason.OVERLOADED, hint="A call still uses the files. The node tries again")
    return grid_error(error, path)


def sync_error(error: Exception, path: Path) -> GridError:
    """The error of a failed sync: the kernel may have dropped the data, and a second sync would not tell."""
    message = f"storage engine at {path}: a sync to the disk failed, so the node does not write again: {error}"
    if any(sign in message for sign in FULL_SIGNS):
        return ResourceExhausted(message, reason=Reason.DISK_FULL, hint="Free disk space, then restart the node")
    return Unavailable(message, hint="Check the disk and the kernel log, then restart the node")


def grid_error(error: Exception, path: Path) -> GridError:
    """The error for RocksDB's message, with a hint for the operator."""
    text = str(error)
    message = f"storage engine at {path}: {text}"
    if any(sign in text for sign in FULL_SIGNS):
        return ResourceExhausted(message, reason=Reason.DISK_FULL, hint="Free disk space")
    if any(sign in text for sign in FILE_LIMIT_SIGNS):
        return ResourceExhausted(message, reason=Reason.LIMIT_REACHED, hint="Raise the limit of open files")
    if "Corruption" in text or "Compression type" in text:
        return FailedPrecondition(
            message, hint="The files are damaged: restore a snapshot or a checkpoint into an empty directory"
        )
    if any(sign in text for sign in ("Permission denied", "Read-only file system", "Operation not permitted")):
        return PermissionDenied(
            message, reason=Reason.PATH_NOT_WRITABLE, hint="The node's user must own the directory and be able to write"
        )
    if "/LOCK" in text:
        return AlreadyExists(
            message,
            reason=Reason.PATH_TAKEN,
            hint="Stop the other process that uses this store, or use another directory",
        )
    return Unavailable(message, hint="Remove the cause that the engine's message names, then restart the node")
