"""The registry's contract for nodes, on every backend."""

from dataclasses import replace

import pytest
from support.values.grid_values import a_node, a_report, an_agent, an_event

from sutra_grid.core.errors import AlreadyExists, NotFound
from sutra_grid.core.types import Desired, NodeReport, NodeSpec, NodeState, Reason
from sutra_grid.registry import IdempotencyRecord, Observations, Registry


@pytest.fixture(autouse=True)
def agents(registry: Registry) -> None:
    registry.save_agent(an_agent("agent-1"))
    registry.save_agent(an_agent("agent-2"))


def test_a_created_node_comes_back_as_it_was(registry: Registry) -> None:
    node = a_node()
    registry.create_node(node, record=None, events=[an_event()])
    assert registry.node(node.node_id) == node
    assert [event.kind for event in registry.events()] == ["node.spawned"]


def test_nodes_are_listed_by_id_and_by_agent(registry: Registry) -> None:
    nodes = [a_node("node-1"), a_node("node-2", "agent-2"), a_node("node-3")]
    for node in reversed(nodes):
        registry.create_node(node, record=None)
    assert registry.nodes() == nodes
    assert registry.nodes("agent-1") == [nodes[0], nodes[2]]
    assert registry.nodes("nobody") == []
    assert registry.node("node-9") is None


def test_a_node_of_an_unknown_agent_is_not_found(registry: Registry) -> None:
    for write in (lambda node: registry.create_node(node, record=None), registry.adopt_node):
        with pytest.raises(NotFound) as caught:
            write(a_node("node-1", "ghost"))
        assert caught.value.reason is Reason.UNKNOWN_AGENT


def test_a_node_id_is_given_once_even_after_removal(registry: Registry) -> None:
    registry.create_node(a_node(), record=None)
    with pytest.raises(AlreadyExists):
        registry.create_node(a_node(), record=None)
    registry.remove_node(a_node().node_id)
    with pytest.raises(AlreadyExists) as caught:
        registry.create_node(a_node(), record=None)
    assert caught.value.reason is Reason.CONCURRENT_CHANGE


def test_a_refused_creation_leaves_no_request_and_no_event(registry: Registry) -> None:
    registry.create_node(a_node(), record=None)
    with pytest.raises(AlreadyExists):
        registry.create_node(a_node(), record=IdempotencyRecord("r", "Spawn", "f", "n", 1), events=[an_event()])
    assert registry.idempotency_record("r") is None
    assert registry.events() == []


def test_each_change_of_what_is_desired_raises_the_generation(registry: Registry) -> None:
    registry.create_node(a_node(), record=None)
    stopped = registry.change_desired("node-00000001", Desired.STOPPED, events=[an_event("node.stopped")])
    assert stopped == a_node(desired=Desired.STOPPED, generation=2)
    restarted = registry.change_desired("node-00000001", Desired.RUNNING, restart=True)
    assert restarted == a_node(generation=3, restart_generation=3)
    assert registry.node("node-00000001") == restarted
    assert [event.kind for event in registry.events()] == ["node.stopped"]


def test_what_a_drain_has_stopped_is_remembered_until_a_person_commands_the_node(registry: Registry) -> None:
    registry.create_node(a_node(), record=None)

    def change(desired: Desired, *, for_drain: bool | None = None) -> bool:
        changed = registry.change_desired("node-00000001", desired, for_drain=for_drain)
        assert registry.node("node-00000001") == changed
        return changed.stopped_by_drain

    assert change(Desired.STOPPED, for_drain=True)
    assert change(Desired.STOPPED, for_drain=True), "a drain that is repeated"
    assert change(Desired.STOPPED), "a change that the grid makes"
    assert not change(Desired.STOPPED, for_drain=False)
    assert not change(Desired.STOPPED, for_drain=True), "it was stopped by hand before"
    assert not change(Desired.RUNNING, for_drain=False)


def test_changing_an_unknown_or_removed_node_says_which(registry: Registry) -> None:
    with pytest.raises(NotFound) as unknown:
        registry.change_desired("node-9", Desired.STOPPED)
    assert unknown.value.reason is Reason.UNKNOWN_NODE
    registry.create_node(a_node(), record=None)
    registry.remove_node("node-00000001")
    with pytest.raises(NotFound, match="node-00000001") as removed:
        registry.change_desired("node-00000001", Desired.RUNNING, events=[an_event()])
    assert removed.value.reason is Reason.NODE_REMOVED
    assert registry.events() == []


def test_a_resolved_spec_is_stored_only_for_its_generation(registry: Registry) -> None:
    registry.create_node(a_node(spec=NodeSpec()), record=None)
    resolved = NodeSpec("redis", 50_055, "/data/x", 512)
    assert not registry.resolve_spec("node-00000001", 2, resolved)
    assert registry.resolve_spec("node-00000001", 1, resolved)
    assert registry.node("node-00000001") == a_node(spec=resolved)


def test_a_report_comes_back_as_it_was_but_for_nul_characters(registry: Registry) -> None:
    node = a_node()
    registry.create_node(node, record=None)
    registry.write_observations(Observations(reports=[a_report(node)]))
    stored = registry.nodes()[0].report
    assert stored == a_report(node, log_tail=("a line", "with a NUL � and ünïcode"))


def test_a_report_changes_nothing_that_is_desired(registry: Registry) -> None:
    registry.create_node(a_node(desired=Desired.STOPPED, generation=7), record=None)
    smallest = NodeReport("node-00000001", 3, Desired.RUNNING, NodeState.STARTING)
    registry.write_observations(Observations(reports=[smallest]))
    assert registry.node("node-00000001") == a_node(desired=Desired.STOPPED, generation=7, report=smallest)


def test_a_report_of_a_removed_node_is_passed_over(registry: Registry) -> None:
    registry.write_observations(Observations(reports=[a_report(a_node())]))
    assert registry.nodes() == []


def test_an_adopted_node_overwrites_what_was_known(registry: Registry) -> None:
    registry.create_node(a_node(generation=2), record=None)
    adopted = a_node(agent_id="agent-2", desired=Desired.STOPPED, generation=9, restart_generation=8)
    adopted = replace(adopted, report=replace(a_report(adopted), log_tail=()))
    registry.adopt_node(adopted, [an_event("node.taken_over")])
    assert registry.nodes() == [adopted]
