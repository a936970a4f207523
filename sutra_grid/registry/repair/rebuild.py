"""Moves a damaged registry aside, so that the master creates a new one and the agents' reports fill it.

Nothing is deleted or overwritten: the damaged file and its log stay beside each other under a new
name, where ``sqlite3 NAME .recover`` finds both.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.core.types import Reason
from sutra_grid.registry.database.engine import sqlite_file
from sutra_grid.registry.database.faults import RegistryDamaged, file_fault, unavailable
from sutra_grid.registry.database.files import BESIDE, beside, close_to_others
from sutra_grid.registry.registry import Registry
from sutra_grid.runtime.files import sync_directory

_SUFFIXES = ("", *BESIDE)


class SetAside(NamedTuple):
    """What was wrong with a registry, and where it is now."""

    why: str
    kept: Path


def set_damaged_aside(url: str, now_ms: int) -> SetAside:
    """Move a damaged SQLite registry aside and return its new name. No other master may use it meanwhile.

    Raises ``FailedPrecondition``, without any change, when there is nothing to rebuild: the registry is
    intact, missing, of another program, or on PostgreSQL. Raises ``Unavailable`` when it can't be read
    or moved.
    """
    file = sqlite_file(url)
    if file is None:
        raise _refusal(
            "a registry on PostgreSQL can't be rebuilt in place",
            "Restore it from a backup, or create an empty database and set registry_url to it: "
            "the agents' reports fill it with their nodes",
        )
    why = _damage(url, file)
    try:
        return SetAside(why, _move(file, now_ms))
    except OSError as error:
        raise unavailable(str(file), file_fault(error), f"it can't be moved aside: {error.strerror}") from error


def _damage(url: str, file: Path) -> str:
    if not file.exists():
        raise _refusal(f"there is no registry at {file}", "Start the master without --rebuild: it creates a registry")
    try:
        registry = Registry.open(url, migrate=True, create=False)
        try:
            registry.contents()
        finally:
            registry.close()
    except RegistryDamaged as error:
        return error.why
    raise _refusal(
        f"registry {file} is intact and is not rebuilt",
        f"Start the master without --rebuild. To begin with a new registry anyway, move {file} "
        "and its files with the suffixes -wal and -shm away",
    )


def _move(file: Path, now_ms: int) -> Path:
    """Add a second name to each file, then remove the first: after a crash in between, both names exist."""
    present = [suffix for suffix in _SUFFIXES if beside(file, suffix).exists()]
    kept = _free_name(file, now_ms)
    close_to_others(file)
    for suffix in present:
        os.link(beside(file, suffix), beside(kept, suffix))
    sync_directory(file.parent)
    for suffix in reversed(present):
        with suppress(FileNotFoundError):  # the last reader deletes log and index when it closes
            beside(file, suffix).unlink()
    sync_directory(file.parent)
    return kept


def _free_name(file: Path, now_ms: int) -> Path:
    stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    number = 1
    while True:
        ending = f".damaged-{stamp}" if number == 1 else f".damaged-{stamp}.{number}"
        kept = beside(file, ending)
        if not any(beside(kept, suffix).exists() for suffix in _SUFFIXES):
            return kept
        number += 1


def _refusal(message: str, hint: str) -> FailedPrecondition:
    return FailedPrecondition(message, reason=Reason.REGISTRY_UNAVAILABLE, hint=hint)
