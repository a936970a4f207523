"""The records of rolling restarts as files in a private directory that all workers of an admin share."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from sutra_grid.admin.rolling.record import RollRecord, RollState
from sutra_grid.core.errors import FailedPrecondition, NotFound, Unavailable
from sutra_grid.core.types import Reason

#: Records of earlier rolling restarts that are kept.
KEPT: Final = 20
ROLL_ID: Final = re.compile(r"[0-9a-f-]{8,64}")


def directory_for(*identity: str) -> Path:
    """The directory of the admin with this identity. It is the same for all of its workers and after its restart."""
    digest = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"sutra-grid-admin-{os.geteuid()}-{digest}"


class RollStore:
    """Reads and writes the records. Safe to use from several processes and threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def list(self) -> list[RollRecord]:
        """The records, the newest first."""
        found = [self._read(path.stem) for path in self._directory.glob("*.json")]
        return sorted((each for each in found if each is not None), key=lambda each: each.started_ms, reverse=True)

    def get(self, roll_id: str) -> RollRecord:
        """The record with this id, as it is now. Raises ``NotFound``."""
        record = self._read(roll_id) if ROLL_ID.fullmatch(roll_id) else None
        if record is None:
            raise NotFound(
                f"rolling restart {roll_id} is not known to this admin",
                reason=Reason.INVALID_ARGUMENT,
                hint="It was started by another admin, or its record was deleted. See /ui/rolling-restarts",
            )
        return record

    def find(self, roll_id: str) -> RollRecord | None:
        """The record with this id, None if there is none."""
        return self._read(roll_id) if ROLL_ID.fullmatch(roll_id) else None

    def begin(self, record: RollRecord) -> int:
        """Keep a new record and lock it. Returns the lock's descriptor: closing it says that the work has ended.

        Raises ``FailedPrecondition`` while another one runs, ``Unavailable`` when the directory can't be used.
        """
        try:
            self._make_directory()
            with self._alone():
                self._refuse_second()
                self._prune()
                descriptor = os.open(self._path(record.roll_id, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                self.write(record)
        except OSError as error:
            raise Unavailable(
                f"the rolling restart can't be recorded in {self._directory}: {error.strerror or error}",
                reason=Reason.PATH_NOT_WRITABLE,
                hint="Nothing was restarted. Make the directory writable for the admin only, or set TMPDIR",
            ) from error
        return descriptor

    def write(self, record: RollRecord) -> None:
        """Replace the record. Raises ``OSError``."""
        path = self._path(record.roll_id, "json")
        new = path.with_suffix(".new")
        new.write_text(record.to_json(), encoding="utf-8")
        os.replace(new, path)

    def ask_to_stop(self, roll_id: str) -> None:
        """Ask whoever runs it to begin no further restart. Raises ``NotFound`` and ``OSError``."""
        self.get(roll_id)
        self._path(roll_id, "stop").touch(mode=0o600)

    def is_asked_to_stop(self, roll_id: str) -> bool:
        """Whether somebody asked for its end."""
        return self._path(roll_id, "stop").exists()

    def _read(self, roll_id: str) -> RollRecord | None:
        record = self._parsed(roll_id)
        if record is None or record.has_ended or self._is_locked(roll_id):
            is_asked = record is not None and record.state is RollState.RUNNING and self.is_asked_to_stop(roll_id)
            return replace(record, state=RollState.STOPPING) if record is not None and is_asked else record
        record = self._parsed(roll_id)  # again: it may have ended just before the lock was looked at
        if record is None or record.has_ended:
            return record
        return replace(record, state=RollState.INTERRUPTED)

    def _parsed(self, roll_id: str) -> RollRecord | None:
        try:
            return RollRecord.from_json(self._path(roll_id, "json").read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _is_locked(self, roll_id: str) -> bool:
        try:
            descriptor = os.open(self._path(roll_id, "lock"), os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _refuse_second(self) -> None:
        for record in self.list():
            if not record.has_ended:
                raise FailedPrecondition(
                    "a rolling restart is already running",
                    reason=Reason.OVERLOADED,
                    hint=f"Wait for it, or stop it at /ui/rolling-restarts/{record.roll_id}",
                )

    def _prune(self) -> None:
        for record in self.list()[KEPT - 1 :]:
            for suffix in ("json", "lock", "stop"):
                self._path(record.roll_id, suffix).unlink(missing_ok=True)

    def _make_directory(self) -> None:
        """Raises ``OSError`` for a directory of somebody else, or one that others may write to."""
        with contextlib.suppress(FileExistsError):
            self._directory.mkdir(mode=0o700)
        status = self._directory.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise PermissionError(f"{self._directory} is not a private directory of the admin's user")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other worker begins one meanwhile. Held for milliseconds."""
        descriptor = os.open(self._directory / "begin", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _path(self, roll_id: str, suffix: str) -> Path:
        return self._directory / f"{roll_id}.{suffix}"
