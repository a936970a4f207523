"""Checks a registry for damage: its log, pages and tables. Runs at the master's start, before anything is read."""

from __future__ import annotations

import time
from typing import Final

from sqlalchemy import Connection, exc, inspect

from sutra_grid.registry.database.engine import Database
from sutra_grid.registry.database.faults import RegistryDamaged, repair_hint
from sutra_grid.registry.database.files import beside
from sutra_grid.registry.database.write_ahead_log import damage_of_log
from sutra_grid.registry.tables import Base

#: A longer check is abandoned, so that a start never hangs: a gigabyte takes a few seconds.
CHECK_SECONDS: Final = 20.0
SHOWN_FAULTS: Final = 3
_STEPS_BETWEEN_CHECKS: Final = 200_000  # of SQLite's machine: some milliseconds


def refuse_damaged_log(database: Database) -> None:
    """Raise ``RegistryDamaged`` when opening the file would lose commits. No connection may be open yet."""
    if database.file is None or database.file.stat().st_size == 0:
        return  # the log beside an empty file belongs to another file: SQLite deletes it
    if damage := damage_of_log(beside(database.file, "-wal")):
        raise damaged(database, damage)


def refuse_damaged_pages(database: Database, connection: Connection) -> None:
    """Raise ``RegistryDamaged`` for inconsistent pages of an SQLite file. PostgreSQL checks its own."""
    if database.file is None:
        return
    if faults := _quick_check(connection):
        raise damaged(database, "; ".join(" ".join(fault.split()) for fault in faults))


def refuse_missing_parts(database: Database, connection: Connection) -> None:
    """Raise ``RegistryDamaged`` when a table or column of the schema's revision is missing."""
    inspector = inspect(connection)
    present = set(inspector.get_table_names())
    for table in Base.metadata.sorted_tables:
        if table.name not in present:
            raise damaged(database, f"the table {table.name} is missing")
        columns = {column["name"] for column in inspector.get_columns(table.name)}
        if missing := [column.name for column in table.columns if column.name not in columns]:
            raise damaged(database, f"the table {table.name} lacks {', '.join(missing)}")


def damaged(database: Database, why: str) -> RegistryDamaged:
    """The error for a damaged registry, with the way to repair it."""
    return RegistryDamaged(database.name, why, repair_hint(is_file=database.file is not None))


def _quick_check(connection: Connection) -> list[str]:
    """The faults that SQLite finds; none when the check could not finish in time."""
    driver = connection.connection.driver_connection
    assert driver is not None
    deadline = time.monotonic() + CHECK_SECONDS
    driver.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_CHECKS)
    try:
        found = connection.exec_driver_sql(f"PRAGMA quick_check({SHOWN_FAULTS})").scalars().all()
    except exc.OperationalError as error:
        if getattr(error.orig, "sqlite_errorname", "") != "SQLITE_INTERRUPT":
            raise
        return []
    finally:
        driver.set_progress_handler(None, 0)
    return [] if found == ["ok"] else list(found)
