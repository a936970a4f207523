"""What the removal of an agent would lose."""

from support.values.grid_values import a_node, a_report, an_agent

from sutra_grid.core.agent.removal import LastKnown, Removal, removal_of
from sutra_grid.core.types import Desired, NodeState
from sutra_grid.wire.errors import MAX_HINT_BYTES


def test_a_node_that_should_run_or_was_last_reported_with_a_process_may_run() -> None:
    stopped = a_node("node-1", desired=Desired.STOPPED)
    alive = a_node("node-2", desired=Desired.STOPPED)
    nodes = [
        a_node("node-0"),
        a_node("node-1", desired=Desired.STOPPED, report=a_report(stopped, state=NodeState.STOPPED, pid=0)),
        a_node("node-2", desired=Desired.STOPPED, report=a_report(alive, state=NodeState.STOPPING, pid=77)),
    ]
    removal = removal_of(an_agent("agent-1"), nodes)
    assert [node.node_id for node in removal.may_run] == ["node-0", "node-2"]
    assert removal.danger().endswith("node-0 (should run), node-2 (process 77)")


def test_only_an_agent_whose_nodes_may_run_needs_force() -> None:
    assert not Removal("a", "host", "", []).needs_force
    assert not Removal("a", "host", "", [LastKnown("n", False)]).needs_force
    assert Removal("a", "host", "", [LastKnown("n", True)]).needs_force


def test_many_nodes_are_counted_and_only_some_named() -> None:
    removal = Removal("a", "host", "id", [LastKnown(f"n{number}", True) for number in range(8)])
    assert removal.danger().startswith("8 of its 8 nodes may still run on host host: n0 ")
    assert removal.danger().endswith("and 3 more")
    assert "the records of its 8 nodes" in removal.loss()


def test_the_words_about_a_removal_reach_the_caller_whole() -> None:
    removal = Removal("a" * 63, "host", "0" * 32, [LastKnown(f"n{number}", True) for number in range(10_000)])
    beside_it = (
        f"Is the data disk mounted on {'h' * 63}? If not, mount it. To remove it: agents remove {'a' * 63} --force"
    )
    assert len(removal.loss()) + len(beside_it) < MAX_HINT_BYTES
