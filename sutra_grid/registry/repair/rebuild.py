"""Sets a damaged registry aside, so that a master makes a new one and the agents fill it.

Nothing is deleted and nothing overwritten: the damaged file and its log stay side by side under a new
name, where ``sqlite3 NAME .recover`` finds them together.
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
from sutra_grid.registry.database.files import BESIDE, beside
from sutra_grid.registry.registry import Registry
from sutra_grid.runtime.files import sync_directory

_SUFFIXES = ("", *BESIDE)


class SetAside(NamedTuple):
    """What was wrong with a registry, and where it is now."""

    why: str
    kept: Path


def set_damaged_aside(url: str, now_ms: int) -> SetAside:
    """Move a damaged SQLite registry out of the way; its name afterwards. The caller is the only master on it.

    Raises ``FailedPrecondition``, and changes nothing, when there is nothing to rebuild: the registry is
    whole, or not there, or another program's, or on PostgreSQL; ``Unavailable`` when it can't be looked
    at or not be moved.
    """
    file = sqlite_file(url)
    if file is None:
        raise _refusal(
            "a registry on PostgreSQL is not rebuilt in place",
            "Restore it from a backup, or create an empty database and name it in registry_url: "
            "the agents fill it with the nodes that they have",
        )
    why = _damage(url, file)
    try:
        return SetAside(why, _move(file, now_ms))
    except OSError as error:
        raise unavailable(str(file), file_fault(error), f"it can't be set aside: {error.strerror}") from error


def _damage(url: str, file: Path) -> str:
    if not file.exists():
        raise _refusal(f"there is no registry at {file} to rebuild", "Start the master without --rebuild: it makes one")
    try:
        registry = Registry.open(url, migrate=True, create=False)
        try:
            registry.contents()
        finally:
            registry.close()
    except RegistryDamaged as error:
        return error.why
    raise _refusal(
        f"registry {file} is whole: it is not rebuilt",
        f"Start the master without --rebuild. To begin with a new one all the same, move {file} "
        "and what stands beside it with -wal and -shm away by hand",
    )


def _move(file: Path, now_ms: int) -> Path:
    """Give the files a second name, then take the first: after a crash in between, both names are there."""
    present = [suffix for suffix in _SUFFIXES if beside(file, suffix).exists()]
    kept = _free_name(file, now_ms)
    for suffix in present:
        os.link(beside(file, suffix), beside(kept, suffix))
    sync_directory(file.parent)
    for suffix in reversed(present):
        with suppress(FileNotFoundError):  # the last reader's end takes log and index with it
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
