"""``nodes restart`` of many nodes, against a grid whose nodes behave as a test says."""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable

import pytest
from support.fakes.fake_master import FakeMaster
from support.fakes.restarting_nodes import RestartingGrid
from support.texts import commands_in, has_line, mentions
from support.values.cli_records import Ran, node
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

Cli = Callable[..., Ran]
Start = Callable[..., subprocess.Popen[str]]


def test_all_nodes_are_restarted_one_after_the_other(master: FakeMaster, cli: Cli) -> None:
    grid = RestartingGrid(master, "a", "b", "c")
    ran = cli("nodes", "restart", "--all")
    assert (ran.code, ran.err) == (0, "")
    assert grid.order == ["a", "b", "c"]
    assert grid.most_down == 1
    assert has_line(ran.out, "c", "running", "agent-1", "127.0.0.1:50051", 1102, "3 of 3")


def test_two_may_be_down_and_no_third(master: FakeMaster, cli: Cli) -> None:
    grid = RestartingGrid(master, "a", "b", "c", "d")
    grid.slow = set("abcd")
    together = threading.Thread(
        target=lambda: (eventually(lambda: len(grid.order) == 2), grid.hold.set()), name="both are down"
    )
    together.start()
    assert cli("nodes", "restart", "--all", "--max-unavailable", "2").code == 0
    together.join()
    assert sorted(grid.order) == ["a", "b", "c", "d"]
    assert grid.most_down == 2


def test_the_first_failure_ends_it_and_the_command_to_go_on_restarts_only_the_rest(
    master: FakeMaster, cli: Cli
) -> None:
    grid = RestartingGrid(master, "a", "b", "c", "d")
    grid.failing = {"b"}
    ran = cli("nodes", "restart", "--all", "--pause", "0.01")
    assert ran.code == 1
    assert grid.order == ["a", "b"]
    assert "error: b crashes" in ran.err
    assert has_line(ran.err, "done", "1 of 4", "a")
    assert has_line(ran.err, "left", 3, "b, c, d")
    go_on = commands_in(ran.err)[-1].removeprefix("sutra-grid-cli ")
    assert go_on == "nodes restart --all --started-before 2023-11-14T22:13:20.004Z --pause 0.01"
    grid.failing.clear()
    assert cli(*go_on.split()).code == 0
    assert grid.order == ["a", "b", "b", "c", "d"]


def test_of_named_nodes_the_command_to_go_on_names_those_that_are_left(master: FakeMaster, cli: Cli) -> None:
    grid = RestartingGrid(master, "a", "b", "c")
    grid.failing = {"c"}
    ran = cli("nodes", "restart", "a", "c", "b")
    assert grid.order == ["a", "c"]
    assert commands_in(ran.err)[-1] == "sutra-grid-cli nodes restart c b"


def test_programs_get_what_is_done_what_is_left_and_how_to_go_on(master: FakeMaster, cli: Cli) -> None:
    RestartingGrid(master, "a", "b").failing = {"b"}
    ran = cli("nodes", "restart", "a", "b", "-o", "json")
    answer = json.loads(ran.out)
    assert ([n["node_id"] for n in answer["nodes"]], answer["left"]) == (["a"], ["b"])
    assert answer["resume"] == "sutra-grid-cli nodes restart b"
    assert json.loads(ran.err)["error"]["reason"] == "crash_loop"


def test_a_node_that_falls_after_its_restart_ends_it_too(master: FakeMaster, cli: Cli) -> None:
    grid = RestartingGrid(master, "a", "b", "c")

    def fall(request: pb.NodeCommand) -> pb.NodeResult:
        answer = grid.restart(request)
        if request.node_id == "b":
            grid.nodes["a"].status, grid.nodes["a"].reason = "failed", "crash_loop"
        return answer

    master.answers["RestartStorageNode"] = fall
    ran = cli("nodes", "restart", "--all")
    assert ran.code == 1
    assert grid.order == ["a", "b"]
    assert has_line(ran.err, "error", "a", "failed", "crash_loop")
    assert has_line(ran.err, "left", 2, "a, c")


def test_one_that_crashes_within_the_pause_and_comes_up_again_ends_it(master: FakeMaster, cli: Cli) -> None:
    grid = RestartingGrid(master, "a", "b")

    def crash(request: pb.NodeId) -> pb.NodeStatus:
        grid.nodes[request.node_id].pid += 1
        return grid.show(request)

    master.answers["GetStorageNodeStatus"] = crash
    ran = cli("nodes", "restart", "--all", "--pause", "0.2")
    assert (ran.code, grid.order) == (1, ["a"])
    assert has_line(ran.err, "error", "a")
    assert has_line(ran.err, "left", 2, "a, b")


def test_it_waits_until_a_restarted_node_is_healthy(master: FakeMaster, cli: Cli) -> None:
    RestartingGrid(master, "a")
    sick = node("a", health="unhealthy", generation=2, observed_generation=2)
    master.answers["RestartStorageNode"] = pb.NodeResult(success=True, node=sick)
    master.answers["GetStorageNodeStatus"] = sick
    ran = cli("nodes", "restart", "a", "--timeout", "0.6")
    assert ran.code == 4
    assert has_line(ran.err, "error", "a", "unhealthy", 0.6)


def test_with_a_node_down_already_nothing_else_is_taken_down(master: FakeMaster, cli: Cli) -> None:
    grid = RestartingGrid(master, "a", "b")
    grid.nodes["b"].CopyFrom(node("b", status="unknown", reason="agent_offline", message="its agent is offline"))
    ran = cli("nodes", "restart", "--all")
    assert (ran.code, grid.order) == (1, [])
    assert has_line(ran.err, "error", "b", 1, "unknown", "agent_offline", "its agent is offline")
    assert cli("nodes", "restart", "--all", "--max-unavailable", "2").code == 1
    assert grid.order == ["a"]


def test_stopped_nodes_are_not_restarted_with_all_and_named_ones_are_started(master: FakeMaster, cli: Cli) -> None:
    grid = RestartingGrid(master, "a", "b")
    grid.nodes["b"].CopyFrom(node("b", status="stopped", desired="stopped", pid=0))
    assert cli("nodes", "restart", "--all").code == 0
    assert grid.order == ["a"]
    assert cli("nodes", "restart", "b").code == 0
    assert grid.order == ["a", "b"]


def test_an_unknown_id_is_told_before_anything_is_touched(master: FakeMaster, cli: Cli) -> None:
    grid = RestartingGrid(master, "a")
    ran = cli("nodes", "restart", "a", "x")
    assert (ran.code, grid.order) == (3, [])
    assert has_line(ran.err, "error", "x")


@pytest.mark.parametrize(
    "wrong",
    [[], ["a", "--all"], ["--all", "--agent", "b"], ["--all", "--started-before", "noon"], ["--all", "--detach"]],
)
def test_which_nodes_must_be_said_once(master: FakeMaster, cli: Cli, wrong: list[str]) -> None:
    grid = RestartingGrid(master, "a")
    assert cli("nodes", "restart", *wrong).code == 2
    assert not grid.order


def test_only_those_of_the_agent_and_the_engine_are_restarted(master: FakeMaster, cli: Cli) -> None:
    grid = RestartingGrid(master, "a", "b", "c")
    grid.nodes["b"].agent_id = "agent-2"
    grid.nodes["c"].spec.engine = "redis"
    assert cli("nodes", "restart", "--agent", "agent-1", "--engine", "redis").code == 0
    assert grid.order == ["c"]


def test_ctrl_c_tells_what_is_done_what_is_under_way_and_what_is_left(master: FakeMaster, start_cli: Start) -> None:
    grid = RestartingGrid(master, "a", "b", "c")
    grid.slow = {"b"}
    process = start_cli("nodes", "restart", "--all")
    eventually(lambda: grid.order == ["a", "b"])
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=15)
    grid.hold.set()
    assert process.returncode == 130
    done, under_way, left, _ = err.splitlines()[-4:]
    assert mentions(done, "1 of 3", "a")
    assert mentions(under_way, "b")
    assert mentions(left, 2, "b, c")
    assert len(commands_in(err)) == 1
    assert "Traceback" not in err


def test_a_slow_restart_is_waited_for_until_the_new_process_is_there(master: FakeMaster, cli: Cli) -> None:
    RestartingGrid(master, "a")
    old = node("a", generation=2, observed_generation=1)
    late = pb.ErrorDetail(code="deadline_exceeded", reason="stop_timeout", message="not yet")
    master.answers["RestartStorageNode"] = pb.NodeResult(success=False, error=late, node=old)
    new = node("a", pid=5000, generation=2, observed_generation=2)
    master.answers["GetStorageNodeStatus"] = [old, new]
    ran = cli("nodes", "restart", "a")
    assert ran.code == 0
    assert mentions(ran.out, 5000)


@pytest.mark.parametrize(("which", "order"), [("--all", ["b", "a"]), ("b", ["b"])])
def test_a_node_that_is_never_ready_is_restarted_first_and_at_once(
    master: FakeMaster, cli: Cli, which: str, order: list[str]
) -> None:
    grid = RestartingGrid(master, "a", "b")
    grid.nodes["b"].CopyFrom(node("b", status="starting", reason="start_timeout", health="unhealthy"))
    ran = cli("nodes", "restart", which, "--timeout", "2")
    assert (ran.code, grid.order, ran.err) == (0, order, "")


def test_the_way_on_from_a_failed_restart_is_not_the_same_restart(master: FakeMaster, cli: Cli) -> None:
    grid = RestartingGrid(master, "a", "b")
    grid.failing = {"a"}
    ran = cli("nodes", "restart", "a")
    assert ran.code == 1
    assert commands_in(ran.err) == []
    assert json.loads(cli("nodes", "restart", "a", "-o", "json").out)["resume"] == "sutra-grid-cli nodes restart a"


def test_min_ready_begins_again_when_a_node_was_unhealthy_and_a_restart_in_between_ends_it(
    master: FakeMaster, cli: Cli
) -> None:
    grid = RestartingGrid(master, "a", "b")
    looks: list[str] = []

    def look(request: pb.NodeId) -> pb.NodeStatus:
        looks.append(request.node_id)
        grid.nodes[request.node_id].health = "unhealthy" if len(looks) == 1 else "healthy"
        return grid.show(request)

    master.answers["GetStorageNodeStatus"] = look
    began = time.monotonic()
    ran = cli("nodes", "restart", "a", "b", "--min-ready", "0.6")
    assert (ran.code, grid.order) == (0, ["a", "b"]), ran.err
    assert time.monotonic() - began >= 0.5 + 0.6 + 0.6
    assert has_line(ran.err, "a", "has to stay up", 0.6)

    def crash(request: pb.NodeId) -> pb.NodeStatus:
        grid.nodes[request.node_id].pid += 1
        return grid.show(request)

    master.answers["GetStorageNodeStatus"] = crash
    ran = cli("nodes", "restart", "--all", "--min-ready", "0.2")
    assert (ran.code, grid.order[2:]) == (1, ["a"])
    assert has_line(ran.err, "error", "a", "did not stay up")
    assert "--min-ready 0.2" in commands_in(ran.err)[-1]


def test_a_timeout_bounds_the_call_and_the_wait_together(master: FakeMaster, cli: Cli) -> None:
    RestartingGrid(master, "a")
    starting = node("a", status="starting", message="restarted by command", generation=2, observed_generation=2)

    def slow(_request: pb.NodeCommand) -> pb.NodeResult:
        threading.Event().wait(0.8)  # the time that the call takes is the subject
        return pb.NodeResult(success=True, node=starting)

    master.answers["RestartStorageNode"] = slow
    master.answers["GetStorageNodeStatus"] = starting
    began = time.monotonic()
    ran = cli("nodes", "restart", "a", "--timeout", "1")
    assert ran.code == 4
    assert time.monotonic() - began < 1.7
    assert has_line(ran.err, "error", "a", "starting", 1, "restarted by command")
