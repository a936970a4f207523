"""Registry files of some size, and the ways in which a disk or a person damages them."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from support.values.grid_values import a_node, an_agent, an_event
from sutra_grid.core.types import Desired
from sutra_grid.registry import Registry

AGENTS = 5
NODES = 60
PAGE_BYTES = 4096
FRAME_BYTES = PAGE_BYTES + 24
LOG_HEAD_BYTES = 32

Damage = Callable[[Path], None]


def make_registry(file: Path) -> Path:
    """A registry as a master that was killed leaves it: a database and a log with many commits."""
    origin = file.with_name("origin.db")
    filled = Registry.open(f"sqlite:///{origin}", migrate=True)
    for number in range(AGENTS):
        filled.save_agent(an_agent(f"agent-{number}"), [an_event(message="came " * 50)] * 20)
    for number in range(NODES):
        filled.create_node(a_node(f"node-{number}", agent_id=f"agent-{number % AGENTS}"), record=None)
    filled.close()
    busy = Registry.open(f"sqlite:///{origin}", migrate=True)
    for _ in range(10):
        busy.change_desired("node-0", Desired.STOPPED)
    copy_registry(origin, file)
    busy.close()
    return file


def copy_registry(origin: Path, target: Path) -> Path:
    """Copy a database that nobody writes now, with its log."""
    for suffix in ("", "-wal"):
        if (log := origin.with_name(origin.name + suffix)).exists():
            shutil.copy(log, target.with_name(target.name + suffix))
    return target


def delete_registry(file: Path) -> None:
    """Remove a database with what stands beside it."""
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def back_up_registry(file: Path, copy: Path) -> Path:
    """Copy a database that a master uses, as the documentation says to do it."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    return copy


def _overwrite(file: Path, offset: int, data: bytes) -> None:
    with file.open("r+b") as stream:
        stream.seek(offset)
        stream.write(data)


def _log(file: Path) -> Path:
    return file.with_name(file.name + "-wal")


def _cut(file: Path) -> None:
    _log(file).unlink(missing_ok=True)
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size // 2 + 100)


def _zero_pages(file: Path) -> None:
    _log(file).unlink(missing_ok=True)
    middle = file.stat().st_size // PAGE_BYTES // 2
    _overwrite(file, middle * PAGE_BYTES, bytes(4 * PAGE_BYTES))


def _random_bytes(file: Path) -> None:
    middle = file.stat().st_size // PAGE_BYTES // 2
    _overwrite(file, middle * PAGE_BYTES, random.Random(1).randbytes(4 * PAGE_BYTES))


def _other_content(file: Path) -> None:
    file.write_text("these are my holiday notes, and not a database at all\n" * 100)


def _head(file: Path) -> None:
    _overwrite(file, 0, bytes(100))


def _log_middle(file: Path) -> None:
    _overwrite(_log(file), LOG_HEAD_BYTES + 2 * FRAME_BYTES + 1000, b"\xff" * 100)


def _log_head(file: Path) -> None:
    _overwrite(_log(file), 8, b"\xff" * 8)


def _execute(statement: str) -> Damage:
    def damage(file: Path) -> None:
        connection = sqlite3.connect(file)
        with connection:
            connection.execute(statement)
        connection.close()

    return damage


DAMAGES: dict[str, Damage] = {
    "cut off": _cut,
    "zeroed pages": _zero_pages,
    "random bytes": _random_bytes,
    "no database": _other_content,
    "zeroed head": _head,
    "log damaged in the middle": _log_middle,
    "log without its head": _log_head,
    "a table is missing": _execute("DROP TABLE events"),
    "a column is missing": _execute("ALTER TABLE agents DROP COLUMN hostname"),
    "no table of the version": _execute("DROP TABLE alembic_version"),
    "no version": _execute("DELETE FROM alembic_version"),
    "a row that is no JSON": _execute("UPDATE agents SET labels = '{' WHERE agent_id = 'agent-1'"),
    "a row of no meaning": _execute("UPDATE nodes SET desired = 'flying' WHERE node_id = 'node-3'"),
}
