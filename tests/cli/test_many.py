"""``nodes start|stop|restart`` of many nodes, and equal errors of a command for many."""

import json
import signal
import subprocess
import threading
from collections.abc import Callable

import pytest
from support.fakes.fake_master import FakeMaster
from support.texts import commands_in, has_line, mentions
from support.values.cli_records import Ran, agent, node
from support.waiting import eventually

from sutra_grid.core.errors import NotFound
from sutra_grid.wire import grid_pb2 as pb

Cli = Callable[..., Ran]


def down(name: str, **fields: object) -> pb.NodeStatus:
    return node(name, **{"status": "stopped", "desired": "stopped", "pid": 0} | fields)


@pytest.fixture
def grid(master: FakeMaster) -> list[pb.NodeStatus]:
    """Two agents with nodes that run and nodes that do not."""
    nodes = [node("a"), node("b", agent_id="agent-2"), down("c"), down("d", status="failed", desired="running")]
    master.answers["ListStorageNodes"] = pb.NodeList(nodes=nodes)
    master.answers["ListAgents"] = pb.AgentList(agents=[agent("agent-1"), agent("agent-2"), agent("agent-3")])
    master.answers["GetAgent"] = lambda request: _agent(request.agent_id)
    master.answers["StopStorageNode"] = lambda request: pb.StopResponse(success=True, node=down(request.node_id))
    for method in ("StartStorageNode", "RestartStorageNode"):
        master.answers[method] = lambda request: pb.NodeResult(success=True, node=node(request.node_id))
    return nodes


def _agent(agent_id: str) -> pb.AgentRecord | NotFound:
    if agent_id == "agent-3":
        return agent(agent_id)
    return NotFound(f"no agent {agent_id}")


def called(master: FakeMaster, method: str) -> list[str]:
    names = sorted(call.node_id for call in master.calls[method])
    master.calls[method].clear()
    return names


@pytest.mark.usefixtures("grid")
def test_nodes_are_selected_by_what_they_are(master: FakeMaster, cli: Cli) -> None:
    assert cli("nodes", "stop", "--all", "--yes").code == 0
    assert called(master, "StopStorageNode") == ["a", "b", "d"]
    ran = cli("nodes", "stop", "--agent", "agent-2", "--status", "running", "-y", "-o", "json")
    assert [each["node_id"] for each in json.loads(ran.out)["nodes"]] == ["b"]
    assert called(master, "StopStorageNode") == ["b"]
    ran = cli("nodes", "start", "--all")
    assert called(master, "StartStorageNode") == ["c", "d"]
    assert has_line(ran.out, "c", "running")
    cli("nodes", "restart", "--status", "failed", "--parallel", "2", "--yes")
    assert called(master, "RestartStorageNode") == ["d"]


@pytest.mark.usefixtures("grid")
def test_nothing_that_matches_is_said_and_no_failure(master: FakeMaster, cli: Cli) -> None:
    ran = cli("nodes", "stop", "--agent", "agent-3", "--yes")
    assert (ran.code, ran.out) == (0, "Nothing to stop.\n")
    assert json.loads(cli("nodes", "start", "--engine", "x", "-o", "json").out) == {"nodes": []}
    assert cli("nodes", "restart", "--status", "unknown").out == "Nothing to restart.\n"
    assert cli("nodes", "stop", "--agent", "nobody", "--yes").code == 3


@pytest.mark.usefixtures("grid")
def test_a_stop_or_restart_of_many_asks_and_given_ids_do_not(master: FakeMaster, cli: Cli) -> None:
    for command in (["stop", "--all"], ["restart", "--all", "--parallel", "8"]):
        ran = cli("nodes", *command)
        assert ran.code == 2
        assert "--yes" in ran.err
    assert not master.calls["StopStorageNode"]
    assert cli("nodes", "stop", "b", "a").code == 0
    assert [call.node_id for call in master.calls["StopStorageNode"]] == ["b", "a"], "in the given order"


@pytest.mark.usefixtures("grid")
@pytest.mark.parametrize("wrong", [[], ["a", "--all"], ["--all", "--agent", "agent-1"], ["a", "--status", "running"]])
@pytest.mark.parametrize("command", ["start", "stop", "restart"])
def test_which_nodes_is_said_in_one_way(master: FakeMaster, cli: Cli, command: str, wrong: list[str]) -> None:
    assert cli("nodes", command, *wrong).code == 2


@pytest.mark.usefixtures("grid")
def test_a_dry_run_changes_nothing(master: FakeMaster, cli: Cli) -> None:
    ran = cli("nodes", "stop", "--all", "--dry-run")
    assert (ran.code, len(ran.out.splitlines())) == (0, 3)
    assert mentions(ran.out, "a", "agent-1", "would be stopped", "dry run")
    assert cli("nodes", "start", "--all", "--dry-run", "-o", "name").out == "c\nd\n"
    assert not master.calls["StopStorageNode"]
    assert not master.calls["StartStorageNode"]


def test_many_are_changed_some_at_a_time_and_told_in_one_line(master: FakeMaster, cli: Cli) -> None:
    master.answers["ListStorageNodes"] = pb.NodeList(nodes=[node(f"n{number}") for number in range(30)])
    together, most, lock, full = [0], [0], threading.Lock(), threading.Event()

    def stop(request: pb.StopRequest) -> pb.StopResponse:
        with lock:
            together[0] += 1
            most[0] = max(most[0], together[0])
            if together[0] == 3:
                full.set()
        full.wait(5)
        with lock:
            together[0] -= 1
        return pb.StopResponse(success=True, node=down(request.node_id))

    master.answers["StopStorageNode"] = stop
    ran = cli("nodes", "stop", "--all", "--yes", "--parallel", "3")
    assert (ran.code, ran.out) == (0, "30 of 30 nodes stopped\n")
    assert most[0] == 3


def test_equal_errors_are_told_once_with_their_number(master: FakeMaster, cli: Cli) -> None:
    full = pb.ErrorDetail(code="resource_exhausted", reason="slots_full", message="no slot is free", hint="Wait")
    refused = pb.SpawnResponse(success=False, error=full)
    spawned = [pb.SpawnResponse(success=True, node=node(f"n{number}")) for number in range(5)]
    master.answers["SpawnStorageNode"] = [*spawned, refused]
    ran = cli("nodes", "spawn", "--count", "12")
    assert ran.code == 1
    assert len(ran.out.splitlines()) == 5
    assert ran.err.splitlines() == [
        "error: no slot is free",
        "hint: Wait",
        "error: 5 of 12 nodes spawned; 7 failed: no slot is free",
    ]
    master.answers["SpawnStorageNode"] = refused
    error = json.loads(cli("nodes", "spawn", "--count", "4", "-o", "json").err)["error"]
    assert (error["reason"], error["count"]) == ("slots_full", 4)


def test_a_timeout_that_is_given_bounds_all_of_them_and_says_what_was_not_sent(master: FakeMaster, cli: Cli) -> None:
    nodes = [node(f"n{number}") for number in range(6)]
    master.answers["ListStorageNodes"] = pb.NodeList(nodes=nodes)

    def slow(request: pb.StopRequest) -> pb.StopResponse:
        threading.Event().wait(0.4)  # the time that each call takes is the subject
        return pb.StopResponse(success=True, node=down(request.node_id))

    master.answers["StopStorageNode"] = slow
    ran = cli("nodes", "stop", "--all", "--yes", "--parallel", "1", "--timeout", "0.6")
    assert ran.code == 4
    assert has_line(ran.err, "not sent", 0.6)
    eventually(lambda: len(master.calls["StopStorageNode"]) == 2)


def test_ctrl_c_ends_it_and_says_how_many_are_done(
    master: FakeMaster, start_cli: Callable[..., subprocess.Popen[str]]
) -> None:
    master.answers["ListStorageNodes"] = pb.NodeList(nodes=[node(f"n{number:02}") for number in range(30)])
    hold = threading.Event()

    def stop(request: pb.StopRequest) -> pb.StopResponse:
        if request.node_id != "n00":
            hold.wait(20)
        return pb.StopResponse(success=True, node=down(request.node_id))

    master.answers["StopStorageNode"] = stop
    process = start_cli("nodes", "stop", "--all", "--yes", "--parallel", "2")
    eventually(lambda: len(master.calls["StopStorageNode"]) >= 3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=15)
    hold.set()
    assert process.returncode == 130
    assert out == "1 of 30 nodes stopped\n"
    said, hint = err.splitlines()
    assert said == "interrupted: 1 of 30 nodes stopped"
    assert mentions(hint, "goes on", "again")
    assert commands_in(hint) == ["sutra-grid-cli nodes list"]


@pytest.mark.parametrize("command", ["start", "stop", "restart"])
def test_an_engine_that_does_not_exist_is_not_found(master: FakeMaster, cli: Cli, command: str) -> None:
    master.answers["ListStorageNodes"] = pb.NodeList()
    master.answers["ListAgents"] = pb.AgentList(agents=[agent("agent-1")])
    ran = cli("nodes", command, "--engine", "typo")
    assert (ran.code, ran.out) == (3, "")
    assert mentions(ran.err, "typo", "storage")
    ran = cli("nodes", command, "--engine", "storage")
    assert (ran.code, ran.out) == (0, f"Nothing to {command}.\n"), "an engine without nodes"
