"""The registry's contract for idempotency keys, on every backend."""

import pytest
from support.values.grid_values import a_node, an_agent

from sutra_grid.core.errors import AlreadyExists
from sutra_grid.core.types import Desired, Reason
from sutra_grid.registry import IdempotencyRecord, Registry


def a_record(key: str = "r-1") -> IdempotencyRecord:
    return IdempotencyRecord(key, "SpawnStorageNode", "fingerprint", "node-00000001", created_at_ms=1_000)


@pytest.fixture(autouse=True)
def agent(registry: Registry) -> None:
    registry.save_agent(an_agent())


def test_a_key_is_kept_with_what_its_call_changed(registry: Registry) -> None:
    assert registry.idempotency_record("r-1") is None
    registry.create_node(a_node(), record=a_record())
    assert registry.idempotency_record("r-1") == a_record()
    registry.save_outcome("r-1", b"\x00answer\xff")
    finished = registry.idempotency_record("r-1")
    assert finished is not None
    assert finished.outcome == b"\x00answer\xff"


def test_an_idempotency_key_changes_things_once(registry: Registry) -> None:
    registry.create_node(a_node(), record=a_record())
    with pytest.raises(AlreadyExists) as caught:
        registry.create_node(a_node("node-2"), record=a_record())
    assert caught.value.reason is Reason.REQUEST_ID_REUSED
    with pytest.raises(AlreadyExists):
        registry.change_desired("node-00000001", Desired.STOPPED, record=a_record())
    assert registry.nodes() == [a_node()]


def test_an_answer_whose_key_was_pruned_is_dropped(registry: Registry) -> None:
    registry.save_outcome("r-9", b"late")
    assert registry.idempotency_record("r-9") is None
