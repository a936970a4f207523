"""Which node a rolling restart takes next."""

from hypothesis import given
from hypothesis import strategies as st
from support.values.cli_records import node

from sutra_grid.client.rolling_plan import (
    Choice,
    broken,
    choose,
    is_down,
    is_older,
    is_restarting,
    is_same_process,
    is_up,
    newest_start_ms,
)
from sutra_grid.wire import grid_pb2 as pb


def nodes(**statuses: str) -> dict[str, pb.NodeStatus]:
    return {name: node(name, status=status, pid=1 if status == "running" else 0) for name, status in statuses.items()}


def test_those_that_are_up_are_taken_one_after_the_other() -> None:
    grid = nodes(a="running", b="running", c="running")
    assert choose(grid, ["a", "b", "c"], set(), 1) == Choice("a")
    assert choose(grid, ["b", "c"], {"a"}, 1) == Choice(blocked_by=("a",))
    assert choose(grid, ["b", "c"], {"a"}, 2) == Choice("b")


def test_one_that_is_down_already_counts_though_it_is_not_among_those_to_restart() -> None:
    grid = nodes(a="running", b="failed")
    assert choose(grid, ["a"], set(), 1) == Choice(blocked_by=("b",))
    assert choose(grid, ["a"], set(), 2) == Choice("a")


def test_one_that_is_down_is_restarted_first_for_that_takes_nothing_down() -> None:
    assert choose(nodes(a="running", b="failed"), ["a", "b"], set(), 1) == Choice("b")


def test_one_that_is_not_ready_is_restarted_first_and_one_that_is_not_reported_yet_is_waited_for() -> None:
    grid = nodes(a="running", b="starting")
    assert choose(grid, ["a", "b"], set(), 1) == Choice("b")
    grid["b"].reason = "start_timeout"
    assert choose(grid, ["a", "b"], set(), 1) == Choice("b")
    grid["b"].status = "stopping"
    assert choose(grid, ["a", "b"], set(), 1) == Choice("b")
    grid["b"].status = ""
    assert choose(grid, ["a", "b"], set(), 1) == Choice(blocked_by=("b",))
    grid["b"].backoff_ms = 5000
    assert choose(grid, ["a", "b"], set(), 1) == Choice("b")


def test_a_stop_by_command_with_a_start_to_follow_is_a_restart_and_one_by_the_agent_is_not() -> None:
    for reason in ("commanded", "stop_timeout"):
        assert is_restarting(node("a", status="stopping", reason=reason))
        assert not is_restarting(node("a", status="stopping", reason=reason, desired="stopped"))
        assert not is_restarting(node("a", status="running", reason=reason))
    for reason in ("memory_limit", "probe_failed", "leftovers"):
        assert not is_restarting(node("a", status="stopping", reason=reason)), "it waits out its back-off"


def test_the_same_process_runs_on_though_it_is_unhealthy() -> None:
    before = node("a", pid=10)
    assert is_same_process(node("a", pid=10, health="unhealthy"), before)
    for other in (node("a", pid=11), node("a", pid=10, generation=2), node("a", pid=10, status="stopping")):
        assert not is_same_process(other, before)


def test_a_node_of_an_offline_agent_counts_as_down_and_is_not_taken() -> None:
    grid = nodes(a="unknown", b="running")
    assert choose(grid, ["a", "b"], set(), 1) == Choice(blocked_by=("a",))
    assert choose(grid, ["a", "b"], set(), 2) == Choice("b")
    assert choose(grid, ["a"], set(), 2) == Choice(blocked_by=("a",))


def test_a_stopped_node_that_was_named_is_started_and_counts_as_no_loss() -> None:
    stopped = node("a", status="stopped", desired="stopped", pid=0)
    assert choose({"a": stopped, "b": node("b")}, ["b", "a"], set(), 1) == Choice("a")
    assert not is_down(stopped)


def test_up_means_running_healthy_and_as_last_told() -> None:
    assert is_up(node())
    assert is_up(node(health="unknown"))  # an engine without a probe
    assert not is_up(node(health="unhealthy"))
    assert not is_up(node(generation=2, observed_generation=1))


def test_a_restarted_node_that_fell_or_came_up_by_itself_again_is_broken() -> None:
    before = node("a", pid=10)
    assert broken({"a": node("a", pid=10)}, {"a": before}) is None
    for now in (node("a", pid=11), node("a", status="starting", pid=0), node("a", pid=10, health="unhealthy")):
        assert broken({"a": now}, {"a": before}) == now
    commanded = node("a", pid=11, generation=2, observed_generation=2)
    assert broken({"a": commanded}, {"a": before}) is None
    assert broken({}, {"a": before}) is None
    assert broken({"a": node("a", status="stopped", desired="stopped", pid=0)}, {"a": before}) is None


def test_what_was_not_restarted_is_always_older_than_the_newest_start() -> None:
    grid = [node("a", started_at_ms=5), node("b", started_at_ms=9), node("c", pid=0, started_at_ms=0)]
    moment = newest_start_ms(grid)
    assert all(is_older(each, moment) for each in grid)
    assert not is_older(node("b", started_at_ms=10), moment)


STATUSES = st.sampled_from(["running", "starting", "stopping", "failed", "unknown", "unhealthy", "stopped"])


def random_node(name: str, status: str) -> pb.NodeStatus:
    match status:
        case "unhealthy":
            return node(name, health="unhealthy")
        case "stopped":
            return node(name, status="stopped", desired="stopped", pid=0)
    return node(name, status=status)


@given(st.dictionaries(st.sampled_from("abcdefgh"), STATUSES, min_size=1), st.data(), st.integers(1, 5))
def test_never_more_are_down_than_allowed(statuses: dict[str, str], data: st.DataObject, at_most: int) -> None:
    grid = {name: random_node(name, status) for name, status in statuses.items()}
    in_flight = data.draw(st.sets(st.sampled_from(sorted(grid)), max_size=at_most))
    waiting = [name for name in grid if name not in in_flight]
    choice = choose(grid, waiting, in_flight, at_most)
    down = {name for name, each in grid.items() if is_down(each)} | in_flight
    assert bool(choice.node_id) != bool(choice.blocked_by) or not waiting
    if choice.node_id and is_up(grid[choice.node_id]):
        assert len(down | {choice.node_id}) <= at_most
    if choice.node_id:
        assert choice.node_id in waiting
        assert len(in_flight) < at_most
