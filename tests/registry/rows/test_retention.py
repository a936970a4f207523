"""Old events, idempotency records and tombstones are deleted, on every backend."""

import pytest
from support.values.grid_values import a_node, an_agent, an_event

from sutra_grid.core.types import Event
from sutra_grid.registry import IdempotencyRecord, Observations, Registry
from sutra_grid.registry.rows.retention import TOMBSTONE_MAX_AGE_MS

DAY_MS = 24 * 3600 * 1000
LONG_MS = 10**12


@pytest.fixture(autouse=True)
def agent(registry: Registry) -> None:
    registry.save_agent(an_agent())


def write(registry: Registry, *events: Event) -> list[int]:
    registry.write_observations(Observations(events=events))
    return [event.event_id for event in registry.events(limit=len(events))]


def numbered(count: int, first: int = 0) -> list[Event]:
    return [an_event(at_ms=1_000 + number, message=str(number)) for number in range(first, first + count)]


def a_record(key: str = "r-1") -> IdempotencyRecord:
    return IdempotencyRecord(key, "SpawnStorageNode", "fingerprint", "node-00000001", created_at_ms=1_000)


def test_events_are_pruned_by_age(registry: Registry) -> None:
    write(registry, *numbered(10))
    registry.prune(now_ms=1_000 + 4 + 500, max_age_ms=500, max_events=100)
    assert [event.message for event in registry.events()] == ["4", "5", "6", "7", "8", "9"]


def test_events_are_pruned_by_number(registry: Registry) -> None:
    write(registry, *numbered(10))
    registry.prune(now_ms=2_000, max_age_ms=LONG_MS, max_events=4)
    assert [event.message for event in registry.events()] == ["6", "7", "8", "9"]


def test_ids_rise_even_after_all_events_were_pruned(registry: Registry) -> None:
    ids = write(registry, *numbered(3))
    registry.prune(now_ms=LONG_MS, max_age_ms=1, max_events=100)
    assert registry.events() == []
    assert write(registry, an_event())[0] > ids[-1]


@pytest.mark.parametrize("kept", [0, 1, 5])
def test_pruning_twice_is_pruning_once(registry: Registry, kept: int) -> None:
    write(registry, *numbered(5))
    for _ in range(2):
        registry.prune(now_ms=2_000, max_age_ms=LONG_MS, max_events=kept)
    assert len(registry.events()) == kept


def test_keys_are_kept_for_a_day(registry: Registry) -> None:
    registry.create_node(a_node(), record=a_record())
    registry.prune(1_000 + DAY_MS, DAY_MS, 100)
    assert registry.idempotency_record("r-1") is not None
    registry.prune(1_001 + DAY_MS, DAY_MS, 100)
    assert registry.idempotency_record("r-1") is None


def test_tombstones_are_kept_for_a_season(registry: Registry) -> None:
    registry.create_node(a_node(), record=None)
    registry.remove_node("node-00000001")  # at 5,000 ms
    registry.prune(5_000 + TOMBSTONE_MAX_AGE_MS, DAY_MS, 100)
    assert registry.tombstones() == {"node-00000001": 1}
    registry.prune(5_001 + TOMBSTONE_MAX_AGE_MS, DAY_MS, 100)
    assert registry.tombstones() == {}
