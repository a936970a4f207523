"""The sequence numbers, by which the master orders the reports of a node."""

from support.fakes.clock import FakeClock

from sutra_grid.agent.inventory import Inventory
from sutra_grid.agent.report import NodeView, refused_report
from sutra_grid.core.node.record import NodeRecord, NodeRuntime
from sutra_grid.core.types import Assignment, Desired, Reason


def view(node_id: str) -> NodeView:
    return NodeView(NodeRuntime(NodeRecord(Assignment(node_id, 1, Desired.RUNNING))))


def numbers(inventory: Inventory) -> dict[str, int]:
    return {report.node_id: report.sequence for report in inventory.reports()}


def test_each_change_of_any_node_has_a_higher_number() -> None:
    inventory = Inventory(FakeClock())
    inventory.put(view("node-1"))
    inventory.put(view("node-2"))
    first = numbers(inventory)
    inventory.put(view("node-1"))
    inventory.put_refused(refused_report(Assignment("node-3", 1, Desired.RUNNING), Reason.PORT_TAKEN, "taken"))
    second = numbers(inventory)
    assert 0 < first["node-1"] < first["node-2"] == second["node-2"] < second["node-1"] < second["node-3"]


def test_a_report_that_did_not_change_keeps_its_number() -> None:
    clock = FakeClock()
    inventory = Inventory(clock)
    inventory.put(view("node-1"))
    before = numbers(inventory)
    clock.advance(60)
    assert numbers(inventory) == before


def test_a_node_that_comes_again_has_a_higher_number_than_its_end() -> None:
    inventory = Inventory(FakeClock())
    inventory.put(view("node-1"))
    last = numbers(inventory)["node-1"]
    inventory.remove("node-1")
    gone = inventory.sequence()
    inventory.put(view("node-1"))
    assert last < gone < numbers(inventory)["node-1"]


def test_a_later_process_of_the_agent_goes_on_above_the_earlier_one() -> None:
    clock = FakeClock()
    earlier = Inventory(clock)
    earlier.put(view("node-1"))
    clock.advance(1)
    later = Inventory(clock)
    later.put(view("node-1"))
    assert numbers(later)["node-1"] > numbers(earlier)["node-1"]
