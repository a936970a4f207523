"""A registry that is lost under the running master is recreated, whenever that happens."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from support.fakes.clock import FakeClock
from support.faults.registry_files import delete_registry
from support.values.grid_values import an_event
from support.waiting import eventually

from sutra_grid.core.access.principal import LOCAL
from sutra_grid.core.access.revocations import Revoked
from sutra_grid.core.types import Event
from sutra_grid.master.access.revocations import RevocationBook
from sutra_grid.master.registry_writes.registry_recovery import SETTLE_SECONDS, UNSEEN_EVENTS, RegistryRecovery
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.registry import Registry

MANY_EVENTS = 5 * UNSEEN_EVENTS


def registry_with_many_events(file: Path) -> Registry:
    registry = Registry.open(f"sqlite:///{file}", migrate=True, hold=True)
    registry.append_events([an_event()])
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'", (MANY_EVENTS,))
    registry.append_events([an_event()])
    return registry


def test_event_ids_go_on_above_the_old_ones_though_the_registry_is_lost_before_the_first_look(tmp_path: Path) -> None:
    clock = FakeClock()
    file = tmp_path / "registry.db"
    with closing(registry_with_many_events(file)) as registry, RegistryRecovery(registry, ClusterState(clock), clock):
        delete_registry(file)

        def made_anew() -> list[Event]:
            clock.advance(SETTLE_SECONDS)
            return [] if registry.loss() else registry.events(after_event_id=MANY_EVENTS + 1)

        (told,) = eventually(made_anew, message="the registry recreated, and told with an id that was not used before")
    assert told.kind == "registry.refilled"


def test_what_is_revoked_stays_revoked_though_the_registry_is_lost(tmp_path: Path) -> None:
    clock = FakeClock()
    file = tmp_path / "registry.db"
    revoked = Revoked(role="agent", name="agent-1")
    with closing(Registry.open(f"sqlite:///{file}", migrate=True, hold=True)) as registry:
        book = RevocationBook(registry, clock)
        book.revoke(revoked, LOCAL, "sold")
        before = book.current
        clock.advance(60)
        recovery = RegistryRecovery(registry, ClusterState(clock), clock, book.write_again)
        delete_registry(file)
        recovery.check()
        clock.advance(SETTLE_SECONDS)
        recovery.check()
        (entry,) = registry.revocations().entries
    assert (entry.revoked, entry.reason) == (revoked, "sold")
    assert book.current.revoked == {revoked}
    assert book.current.version > before.version
