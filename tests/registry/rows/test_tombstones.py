"""The contract of the registry for removed nodes, on every backend."""

import pytest
from support.values.grid_values import a_node, an_agent, an_event

from sutra_grid.registry import Registry
from sutra_grid.registry.rows import tombstones


@pytest.fixture(autouse=True)
def agent(registry: Registry) -> None:
    registry.save_agent(an_agent())


def test_a_removed_node_leaves_a_tombstone_with_its_generation(registry: Registry) -> None:
    registry.create_node(a_node(generation=6), record=None)
    registry.remove_node("node-00000001", [an_event("node.removed")])
    registry.remove_node("node-00000001", [an_event("node.removed")])
    assert registry.node("node-00000001") is None
    assert registry.nodes() == []
    assert registry.tombstones() == {"node-00000001": 6}
    assert [event.kind for event in registry.events()] == ["node.removed"]


def test_a_tombstone_only_rises(registry: Registry) -> None:
    registry.create_node(a_node(generation=6), record=None)
    registry.remove_node("node-00000001")
    with registry._database.writing() as connection:
        tombstones.put(connection, "node-00000001", 9, 1_000)
        tombstones.put(connection, "node-00000001", 7, 1_000)
    assert registry.tombstones() == {"node-00000001": 9}


def test_an_adopted_node_has_no_tombstone(registry: Registry) -> None:
    registry.create_node(a_node(), record=None)
    registry.remove_node("node-00000001")
    registry.adopt_node(a_node(generation=5))
    assert registry.tombstones() == {}
    assert registry.node("node-00000001") == a_node(generation=5)
