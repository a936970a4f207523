"""What the registry promises about clients' requests, on every backend."""

import pytest
from support.values.grid_values import a_node, an_agent

from sutra_grid.core.errors import AlreadyExists
from sutra_grid.core.types import Desired, Reason
from sutra_grid.registry import Registry, Request

DAY_MS = 24 * 3600 * 1000


def a_request(request_id: str = "r-1") -> Request:
    return Request(request_id, "SpawnStorageNode", "fingerprint", "node-00000001", created_at_ms=1_000)


@pytest.fixture(autouse=True)
def agent(registry: Registry) -> None:
    registry.save_agent(an_agent())


def test_a_request_is_kept_with_what_it_changed(registry: Registry) -> None:
    assert registry.request("r-1") is None
    registry.create_node(a_node(), request=a_request())
    assert registry.request("r-1") == a_request()
    registry.finish_request("r-1", b"\x00answer\xff")
    finished = registry.request("r-1")
    assert finished is not None
    assert finished.outcome == b"\x00answer\xff"


def test_a_request_id_changes_things_once(registry: Registry) -> None:
    registry.create_node(a_node(), request=a_request())
    with pytest.raises(AlreadyExists) as caught:
        registry.create_node(a_node("node-2"), request=a_request())
    assert caught.value.reason is Reason.REQUEST_ID_REUSED
    with pytest.raises(AlreadyExists):
        registry.change_desired("node-00000001", Desired.STOPPED, request=a_request())
    assert registry.nodes() == [a_node()]


def test_an_answer_to_a_request_that_was_pruned_is_dropped(registry: Registry) -> None:
    registry.finish_request("r-9", b"late")
    assert registry.request("r-9") is None


def test_requests_are_kept_for_a_day(registry: Registry) -> None:
    registry.create_node(a_node(), request=a_request())
    registry.prune(1_000 + DAY_MS, DAY_MS, 100)
    assert registry.request("r-1") is not None
    registry.prune(1_001 + DAY_MS, DAY_MS, 100)
    assert registry.request("r-1") is None
