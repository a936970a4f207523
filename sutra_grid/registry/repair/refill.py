"""Recreates a registry from the running master's memory, after its file was deleted or replaced.

The new file is made under another name and moved into place when it is complete. Processes that have the
old one open notice the other file and reopen it, and the old file's log is never applied to the new one.
A file that took the old one's place (a backup) is the base: rows that the master does not know stay.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, select, text

from sutra_grid.core.types import Event
from sutra_grid.registry.database import schema
from sutra_grid.registry.database.engine import Database, file_identity, open_file
from sutra_grid.registry.database.faults import file_fault, unavailable, unfinished_fault
from sutra_grid.registry.database.files import BESIDE, beside, make_private
from sutra_grid.registry.rows import agents as agent_rows
from sutra_grid.registry.rows import events as event_rows
from sutra_grid.registry.rows import nodes as node_rows
from sutra_grid.registry.rows import tombstones
from sutra_grid.registry.rows.statements import AGENTS, NODES
from sutra_grid.registry.values import Contents
from sutra_grid.runtime.files import sync_directory

FILLING_SUFFIX = ".filling"


def refill(database: Database, contents: Contents, events: Sequence[Event], last_event_id: int, at_ms: int) -> Contents:
    """Put a registry with ``contents`` in place of the lost one, hold it, and return what it contains.

    New events get ids above ``last_event_id``. Blocks while the file is copied. Raises ``Unavailable`` or
    ``RegistryDamaged`` and changes nothing then; it may be called again. One thread at a time.
    """
    file = database.file
    assert file is not None
    try:
        return _refill(database, file, contents, events, last_event_id, at_ms)
    except OSError as error:
        detail = f"{error.filename or file}: {error.strerror}"
        raise unavailable(database.name, file_fault(error), detail) from error


def _refill(
    database: Database, file: Path, contents: Contents, events: Sequence[Event], last_event_id: int, at_ms: int
) -> Contents:
    filling = beside(file, FILLING_SUFFIX)
    _clear(filling)
    try:
        base = _stamp(file)
        if base is not None:
            make_private(filling)
            shutil.copy(file, filling)
        merged = _fill(filling, database, contents, events, last_event_id, at_ms)
        if _stamp(file) != base:
            raise unavailable(database.name, unfinished_fault())
        for suffix in BESIDE:
            beside(file, suffix).unlink(missing_ok=True)
        os.replace(filling, file)
    finally:
        _clear(filling)
    sync_directory(file.parent)
    database.hold()
    return merged


def _fill(
    filling: Path, database: Database, contents: Contents, events: Sequence[Event], last_event_id: int, at_ms: int
) -> Contents:
    """Migrate the file and write into it. On return, everything is in this one file and on disk."""
    new = open_file(filling, database.wait_seconds, name=database.name)
    try:
        schema.bring_up_to_date(new, create=True)
        with new.writing() as connection:
            _merge(connection, contents, at_ms)
            _raise_event_ids(connection, last_event_id)
            event_rows.append(connection, events)
        with new.reading() as connection:
            merged = Contents(
                agent_rows.select_all(connection),
                node_rows.select_all(connection, None),
                tombstones.select_all(connection),
            )
    finally:
        new.dispose()  # closing the last connection moves the log into the file
    return merged


def _merge(connection: Connection, contents: Contents, at_ms: int) -> None:
    """Write the master's state: the newer generation of each node wins, and removed nodes stay removed."""
    for agent in contents.agents:
        agent_rows.save(connection, agent)
    present = set(connection.execute(select(AGENTS.c.agent_id)).scalars())
    for agent_id in contents.removed_agents & present:
        tombstones.replace_nodes_of_agent(connection, agent_id, at_ms)
        agent_rows.remove(connection, agent_id)
    generations = {
        row.node_id: row.generation for row in connection.execute(select(NODES.c.node_id, NODES.c.generation))
    }
    for node_id, generation in contents.tombstones.items():
        if generations.get(node_id, 0) <= generation:
            tombstones.put(connection, node_id, generation, at_ms)
    for node in contents.nodes:
        if generations.get(node.node_id, 0) <= node.generation:
            node_rows.adopt(connection, node)


def _raise_event_ids(connection: Connection, last_event_id: int) -> None:
    """Followers of events ask for ids above the last one they saw: new ids must be above it here too."""
    parameters = {"last": last_event_id}
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = 'events' AND seq < :last"), parameters)
    missing = "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'events')"
    connection.execute(text(f"INSERT INTO sqlite_sequence (name, seq) SELECT 'events', :last {missing}"), parameters)


def _stamp(file: Path) -> tuple[object, ...] | None:
    """A value that changes when the file is replaced or written, so that an unfinished copy is noticed."""
    if file_identity(file) is None:
        return None
    status = file.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _clear(filling: Path) -> None:
    for suffix in ("", *BESIDE, schema.LOCK_SUFFIX):
        beside(filling, suffix).unlink(missing_ok=True)
