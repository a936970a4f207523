"""Makes a registry again whose file was deleted or replaced under its running master, from what that one holds.

The new file is made under another name and put in place whole: whoever has the old one open sees another
file and opens it anew, and a log that the old one left behind is never played into the new one. A
file that took the old one's place (a backup) is its base: what the master does not know stays.
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
from sutra_grid.registry.database.files import BESIDE, beside
from sutra_grid.registry.rows import agents as agent_rows
from sutra_grid.registry.rows import events as event_rows
from sutra_grid.registry.rows import nodes as node_rows
from sutra_grid.registry.rows import tombstones
from sutra_grid.registry.rows.statements import AGENTS, NODES
from sutra_grid.registry.values import Contents
from sutra_grid.runtime.files import sync_directory

FILLING_SUFFIX = ".filling"


def refill(database: Database, contents: Contents, events: Sequence[Event], last_event_id: int, at_ms: int) -> Contents:
    """Put a registry with ``contents`` in the place of the lost one, and hold on to it; what it has then.

    New events get ids above ``last_event_id``. Blocks for a copy of the file. Raises ``Unavailable`` or
    ``RegistryDamaged`` and leaves everything as it was; it may be called again. One thread at a time.
    """
    file = database.file
    assert file is not None
    try:
        return _refill(database, file, contents, events, last_event_id, at_ms)
    except OSError as error:
        words = f"{error.filename or file}: {error.strerror}"
        raise unavailable(database.name, file_fault(error), words) from error


def _refill(
    database: Database, file: Path, contents: Contents, events: Sequence[Event], last_event_id: int, at_ms: int
) -> Contents:
    filling = beside(file, FILLING_SUFFIX)
    _clear(filling)
    try:
        base = _stamp(file)
        if base is not None:
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
    """Bring the file up to date and write into it; when this returns, all is in the one file and on disk."""
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
        new.dispose()  # the last connection's end takes the log into the file
    return merged


def _merge(connection: Connection, contents: Contents, at_ms: int) -> None:
    """Write what the master holds; of a node the newer generation stays, and what was removed is removed."""
    for agent in contents.agents:
        agent_rows.save(connection, agent)
    there = set(connection.execute(select(AGENTS.c.agent_id)).scalars())
    for agent_id in contents.removed_agents & there:
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
    """Who follows events asks for those above the last id: the next one must be above it here too."""
    parameters = {"last": last_event_id}
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = 'events' AND seq < :last"), parameters)
    missing = "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'events')"
    connection.execute(text(f"INSERT INTO sqlite_sequence (name, seq) SELECT 'events', :last {missing}"), parameters)


def _stamp(file: Path) -> tuple[object, ...] | None:
    """Changes when the file is another, or is written: a copy that is under way is not taken for a whole one."""
    if file_identity(file) is None:
        return None
    status = file.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _clear(filling: Path) -> None:
    for suffix in ("", *BESIDE, schema.LOCK_SUFFIX):
        beside(filling, suffix).unlink(missing_ok=True)
