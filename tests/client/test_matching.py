"""Which nodes the filters of a command for many match."""

from support.values.cli_records import node

from sutra_grid.client.matching import Filters, may_be_started, should_run
from sutra_grid.core.listed_status import ListedStatus
from sutra_grid.wire import grid_pb2 as pb

GRID = [
    node("b", agent_id="agent-2", health="unhealthy"),
    node("c", status="starting", pid=0, backoff_ms=500),
    node("a"),
    node("d", agent_id="agent-2", status="failed", pid=0, spec=pb.NodeSpec(engine="redis")),
    node("e", status="stopped", desired="stopped", pid=0),
]


def matched(**filters: tuple[str, ...]) -> str:
    return "".join(each.node_id for each in Filters(**filters).of(GRID))  # type: ignore[arg-type]


def test_filters_combine_and_values_of_one_do_not() -> None:
    assert matched() == "acebd"
    assert matched(agent_ids=("agent-2",)) == "bd"
    assert matched(agent_ids=("agent-1", "agent-2")) == "acebd"
    assert matched(agent_ids=("agent-2",), engines=("redis",)) == "d"
    assert matched(engines=("redis",), statuses=(ListedStatus.RUNNING,)) == ""


def test_a_status_matches_as_in_the_lists() -> None:
    assert matched(statuses=(ListedStatus.RUNNING,)) == "ab"
    assert matched(statuses=(ListedStatus.UNHEALTHY,)) == "b"
    assert matched(statuses=(ListedStatus.STARTING,)) == "c"
    assert matched(statuses=(ListedStatus.BACK_OFF, ListedStatus.FAILED)) == "cd"


def test_a_start_concerns_what_does_not_run_and_a_stop_what_should() -> None:
    assert "".join(each.node_id for each in GRID if may_be_started(each)) == "cde"
    assert "".join(each.node_id for each in GRID if should_run(each)) == "bcad"
    assert not may_be_started(node(status="unknown"))
    assert not may_be_started(node(desired="absent", status="stopping"))
