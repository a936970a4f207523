"""The one table from a database's faults to core errors, so that callers do not depend on a driver.

A fault that may pass is ``Unavailable``: locked, full, read-only, unreachable, deleted.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import exc

from sutra_grid.core.errors import Aborted, GridError, Internal, InvalidArgument, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.runtime.descriptors import descriptors_free
from sutra_grid.runtime.known_secrets import without_secrets


class Fault(NamedTuple):
    """What is wrong with the registry, and the next step."""

    problem: str
    hint: str


_LOCKED = Fault(
    "is locked: another write did not end in time",
    "Try again. If it stays locked, list the processes that use it: fuser -v FILE",
)
_FULL = Fault("can't be written: the disk is full", "Free space on its file system")
_READ_ONLY = Fault("is read-only for this process", "Check the owner and the mode of the file and of its directory")
_UNREACHABLE = Fault("can't be reached", "Check that the database server runs and that the URL is correct")
_NOT_OPENED = Fault("can't be opened", "Check that the file exists and that this user may read and write it")
_NO_DESCRIPTORS = Fault(
    "can't be opened: this process can't open any file now",
    "Raise its limit of open files (nofile), or that of the host (fs.file-max). No restart is needed",
)
_IO_ERROR = Fault("can't be read or written: the disk reported an error", "Check the kernel log and the disk")
_CORRUPT = Fault(
    "is corrupt",
    "Move the file away: a running master writes a new one from its memory. "
    "If no master runs, restore a backup, or start the master once with --rebuild",
)
_SERVER_CORRUPT = Fault("is corrupt", "Restore it from a backup, or create a new, empty database")
_NO_TABLES = Fault("does not have the grid's tables", "Start the master: it creates them")
_UNFINISHED = Fault("is being replaced", "Wait until the new file is complete")
_OVERLOADED = Fault("is busy: no connection became free in time", "Try again in a few seconds")
_FAILED = Fault("failed", "Check the log of the database")

# By the start of sqlite3's error name; the first that matches counts.
_SQLITE_FAULTS: tuple[tuple[str, Fault], ...] = (
    ("SQLITE_BUSY", _LOCKED),
    ("SQLITE_LOCKED", _LOCKED),
    ("SQLITE_FULL", _FULL),
    ("SQLITE_READONLY", _READ_ONLY),
    ("SQLITE_CANTOPEN", _NOT_OPENED),
    ("SQLITE_IOERR", _IO_ERROR),
    ("SQLITE_CORRUPT", _CORRUPT),
    ("SQLITE_NOTADB", _CORRUPT),
    ("SQLITE_ERROR", _NO_TABLES),
)

# By the start of the SQLSTATE (PostgreSQL, appendix A).
_POSTGRES_FAULTS: tuple[tuple[str, Fault], ...] = (
    ("55P03", _LOCKED),
    ("57014", _LOCKED),
    ("53100", _FULL),
    ("53", _OVERLOADED),
    ("25006", _READ_ONLY),
    ("42P01", _NO_TABLES),
    ("08", _UNREACHABLE),
    ("57P", _UNREACHABLE),
    ("28", _UNREACHABLE),
    ("3D", _UNREACHABLE),
    ("58", _IO_ERROR),
    ("XX", _SERVER_CORRUPT),
)

# Serialization failure and deadlock: the same transaction may succeed at once.
_RETRYABLE_STATES = ("40001", "40P01")


class RegistryDamaged(Unavailable):
    """The registry can't be read, or not all of it. A retry does not help."""

    def __init__(self, name: str, why: str, hint: str) -> None:
        super().__init__(f"registry {name} is corrupt: {why}", reason=Reason.REGISTRY_UNAVAILABLE, hint=hint)
        self.why = why


class UnreadableRow(Exception):
    """A row holds what no version of the program has written. Raised where rows become values."""


def repair_hint(*, is_file: bool) -> str:
    """How an operator repairs a damaged registry when the master starts."""
    if not is_file:
        return _SERVER_CORRUPT.hint
    return (
        "Restore it from a backup, or start the master once with --rebuild: "
        "it moves the file aside and rebuilds the registry from the agents' reports"
    )


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Translate a database's errors into core errors; ``name`` is the registry's name in messages."""
    try:
        yield
    except GridError:
        raise
    except UnreadableRow as error:
        raise RegistryDamaged(name, str(error), _CORRUPT.hint) from error
    except (exc.SQLAlchemyError, OverflowError) as error:
        raise to_grid_error(error, name) from error


def to_grid_error(error: Exception, name: str) -> GridError:
    """The core error for ``error`` of the driver or of SQLAlchemy."""
    if isinstance(error, OverflowError | exc.DataError):
        return InvalidArgument(
            f"the registry can't hold a value of this request: {_driver_text(error)}",
            reason=Reason.INVALID_ARGUMENT,
            hint="Numbers are at most 2^63-1",
        )
    if isinstance(error, exc.TimeoutError):
        return unavailable(name, _OVERLOADED)
    if isinstance(error, exc.DisconnectionError):
        return unavailable(name, _NOT_OPENED, _driver_text(error))
    if not isinstance(error, exc.DBAPIError) or isinstance(error, exc.IntegrityError):
        return Internal(f"registry {name}: {_driver_text(error)}", hint="This is a bug; please report it")
    if _sqlstate(error) in _RETRYABLE_STATES:
        return Aborted(
            "another transaction changed the registry at the same time",
            reason=Reason.CONCURRENT_CHANGE,
            hint="Send the request again",
        )
    fault = _fault_of(error)
    if fault in (_NOT_OPENED, _IO_ERROR) and not descriptors_free(1):  # SQLite does not tell the cause
        fault = _NO_DESCRIPTORS
    return unavailable(name, fault, _driver_text(error))


def unavailable(name: str, fault: Fault, driver_text: str = "") -> Unavailable:
    """``fault`` of the registry ``name`` as an error, with the driver's own text."""
    if fault in (_CORRUPT, _SERVER_CORRUPT):
        return RegistryDamaged(name, driver_text, fault.hint)
    detail = f" ({driver_text})" if driver_text else ""
    return Unavailable(f"registry {name} {fault.problem}{detail}", reason=Reason.REGISTRY_UNAVAILABLE, hint=fault.hint)


def file_fault(error: OSError) -> Fault:
    """The fault that a failed file operation means for the registry."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _FULL
    if error.errno == errno.EROFS:
        return _READ_ONLY
    return _NOT_OPENED


def lock_fault() -> Fault:
    """The fault of a lock that was not available in time."""
    return _LOCKED


def lost_fault(loss: str) -> Fault:
    """The fault of a file that was deleted or replaced; ``loss`` says which."""
    hint = "Wait a few seconds: the master makes a new one from its memory and records the event registry.refilled"
    return Fault(f"{loss} while the master was running", hint)


def unfinished_fault() -> Fault:
    """The fault of a file that changes while it is being copied."""
    return _UNFINISHED


def _fault_of(error: exc.DBAPIError) -> Fault:
    name = getattr(error.orig, "sqlite_errorname", "")
    if name == "SQLITE_ERROR" and "no such table" not in str(error.orig):
        return _FAILED
    for start, fault in _SQLITE_FAULTS:
        if name.startswith(start):
            return fault
    state = _sqlstate(error)
    for start, fault in _POSTGRES_FAULTS:
        if state.startswith(start):
            return fault
    # psycopg raises without a state when the connection can't be made or is lost.
    return _UNREACHABLE if not name and not state and isinstance(error, exc.OperationalError) else _FAILED


def _sqlstate(error: exc.DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _driver_text(error: Exception) -> str:
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    return without_secrets(" ".join(str(cause).split()))
