"""``agents drain``: what it calls drained, and stopping the nodes of an agent."""

import signal
import subprocess
import threading
from collections.abc import Callable

import pytest
from support.fakes.fake_master import FakeMaster
from support.texts import commands_in, mentions
from support.values.cli_records import Ran, agent, node
from support.waiting import eventually

from sutra_grid.client.drain import is_at_rest
from sutra_grid.core.errors import Unavailable
from sutra_grid.wire import grid_pb2 as pb

Cli = Callable[..., Ran]


def stopped(name: str, **fields: object) -> pb.NodeStatus:
    return node(name, **{"status": "stopped", "desired": "stopped", "pid": 0} | fields)


def test_an_agent_whose_nodes_run_on_is_not_called_drained(master: FakeMaster, cli: Cli) -> None:
    master.answers["DrainAgent"] = agent("a", drained=True, storage_nodes=[node("n1"), stopped("n2")])
    ran = cli("agents", "drain", "a")
    assert ran.code == 0
    assert mentions(ran.out, "a", 1, "n1")
    assert not mentions(ran.out, "n2")
    assert not mentions(ran.out, "drained")
    assert commands_in(ran.out) == ["sutra-grid-cli agents drain a --stop-nodes"]
    assert not master.calls["StopStorageNode"]


def test_of_an_offline_agent_nothing_is_said_to_run(master: FakeMaster, cli: Cli) -> None:
    lost = node("n1", status="unknown", reason="agent_offline")
    master.answers["DrainAgent"] = agent("a", drained=True, status="offline", storage_nodes=[lost])
    ran = cli("agents", "drain", "a")
    assert ran.code == 0
    assert mentions(ran.out, "a", "takes no new nodes", "offline", "not known", "n1")
    assert "run on" not in ran.out
    assert not commands_in(ran.out), "a stop could not be carried out"


def test_it_is_drained_when_the_last_process_has_ended(master: FakeMaster, cli: Cli) -> None:
    master.answers["DrainAgent"] = agent("a", drained=True)
    stopping = node("n1", status="stopping", desired="stopped")
    master.answers["GetAgent"] = [
        agent("a", storage_nodes=[node("n1"), node("n2")]),
        agent("a", storage_nodes=[stopping, node("n3"), stopped("n2")]),  # n3 was being spawned
        agent("a", storage_nodes=[stopping, stopped("n3"), stopped("n2")]),
        agent("a", storage_nodes=[stopped("n1"), stopped("n3"), stopped("n2")]),
    ]
    master.answers["StopStorageNode"] = pb.StopResponse(success=True)
    ran = cli("agents", "drain", "a", "--stop-nodes")
    assert ran.code == 0
    assert mentions(ran.out, "a", "drained")
    assert sorted(call.node_id for call in master.calls["StopStorageNode"]) == ["n1", "n2", "n3"]
    assert all(call.for_drain for call in master.calls["StopStorageNode"])
    assert len(master.calls["GetAgent"]) == 4


def test_an_outage_of_the_master_does_not_end_the_wait(master: FakeMaster, cli: Cli) -> None:
    master.answers["DrainAgent"] = agent("a", drained=True)
    stopping = agent("a", storage_nodes=[node("n1", status="stopping", desired="stopped")])
    away = Unavailable("the master is being restarted")
    master.answers["GetAgent"] = [stopping, away, away, agent("a", storage_nodes=[stopped("n1")])]
    ran = cli("agents", "drain", "a", "--stop-nodes")
    assert ran.code == 0, ran.err
    assert mentions(ran.out, "a", "drained")


def test_what_is_left_after_the_timeout_is_named(master: FakeMaster, cli: Cli) -> None:
    master.answers["DrainAgent"] = agent("a", drained=True)
    master.answers["GetAgent"] = agent("a", storage_nodes=[node("n1", status="stopping", desired="stopped")])
    ran = cli("agents", "drain", "a", "--stop-nodes", "--timeout", "0.6")
    assert (ran.code, ran.out) == (4, "")
    assert mentions(ran.err, "a", 0.6, "n1")


def test_nodes_that_were_not_told_to_stop_before_the_timeout_are_named(master: FakeMaster, cli: Cli) -> None:
    master.answers["DrainAgent"] = agent("a", drained=True)
    master.answers["GetAgent"] = agent("a", storage_nodes=[node(f"n{number}") for number in range(10)])

    def slow(_request: pb.StopRequest) -> pb.StopResponse:
        threading.Event().wait(0.5)
        return pb.StopResponse(success=True)

    master.answers["StopStorageNode"] = slow
    ran = cli("agents", "drain", "a", "--stop-nodes", "--timeout", "0.6")
    assert ran.code == 4
    assert mentions(ran.err, "a", 0.6, "not told to stop")


def test_an_undrain_starts_exactly_what_the_drain_has_stopped(master: FakeMaster, cli: Cli) -> None:
    by_drain, by_hand = stopped("n1", stopped_by_drain=True), stopped("n2")
    master.answers["UndrainAgent"] = master.answers["GetAgent"] = agent("a", storage_nodes=[by_drain, by_hand])
    master.answers["StartStorageNode"] = pb.NodeResult(success=True, node=node("n1"))
    ran = cli("agents", "undrain", "a")
    assert commands_in(ran.out) == ["sutra-grid-cli agents undrain a --start-nodes"]
    assert not master.calls["StartStorageNode"]
    ran = cli("agents", "undrain", "a", "--start-nodes")
    assert (ran.code, [call.node_id for call in master.calls["StartStorageNode"]]) == (0, ["n1"])
    assert mentions(ran.out, "a", 1, "started", "n1")
    assert commands_in(cli("agents", "show", "a").out) == ["sutra-grid-cli agents undrain a --start-nodes"]


def test_what_an_earlier_master_does_not_remember_is_said(master: FakeMaster, cli: Cli) -> None:
    """It ignores that a stop is for a drain, so nothing would ever be started again."""
    master.answers["DrainAgent"] = agent(
        "a", drained=True, storage_nodes=[node("n1"), stopped("n2", desired="stopped")]
    )
    after = agent("a", drained=True, storage_nodes=[stopped("n1", desired="stopped"), stopped("n2", desired="stopped")])
    master.answers["UndrainAgent"] = master.answers["GetAgent"] = after
    ran = cli("agents", "drain", "a", "--stop-nodes")
    assert commands_in(ran.out) == ["sutra-grid-cli nodes start n1"], ran.out
    ran = cli("agents", "undrain", "a", "--start-nodes")
    assert mentions(ran.out, "0 started", "remembers no node", "n1", "n2")


def test_of_what_an_undrain_could_not_start_one_error_says_how_many(master: FakeMaster, cli: Cli) -> None:
    nodes = [stopped(f"n{number}", stopped_by_drain=True) for number in range(9)]
    master.answers["UndrainAgent"] = master.answers["GetAgent"] = agent("a", storage_nodes=nodes)
    full = pb.ErrorDetail(code="failed_precondition", reason="disk_full", message="the disk is full")

    def start(request: pb.NodeCommand) -> pb.NodeResult:
        if request.node_id == "n4":
            return pb.NodeResult(success=True, node=node("n4"))
        return pb.NodeResult(success=False, error=full)

    master.answers["StartStorageNode"] = start
    ran = cli("agents", "undrain", "a", "--start-nodes")
    assert ran.code == 1
    (line,) = (line for line in ran.err.splitlines() if line.startswith("error"))
    assert mentions(line, "1 of 9 nodes started", "8 failed", "the disk is full")


def test_a_node_tells_that_the_drain_has_stopped_it(master: FakeMaster, cli: Cli) -> None:
    master.answers["GetStorageNodeStatus"] = stopped("n1", stopped_by_drain=True)
    master.answers["GetAgent"] = agent("agent-1")
    master.answers["ListEvents"] = pb.EventList()
    master.answers["ReadNodeLog"] = pb.LogChunk()
    for command in ("show", "explain"):
        ran = cli("nodes", command, "n1")
        assert commands_in(ran.out) == ["sutra-grid-cli agents undrain agent-1 --start-nodes"], ran.out


def test_of_an_offline_agent_nothing_can_be_known(master: FakeMaster, cli: Cli) -> None:
    master.answers["DrainAgent"] = agent("a", drained=True, status="offline")
    master.answers["GetAgent"] = agent("a", status="offline", storage_nodes=[node("n1", status="unknown")])
    ran = cli("agents", "drain", "a", "--stop-nodes")
    assert ran.code == 1
    assert mentions(ran.err, "a", "offline")
    assert not master.calls["StopStorageNode"]


def test_a_refused_stop_is_told(master: FakeMaster, cli: Cli) -> None:
    master.answers["DrainAgent"] = agent("a", drained=True)
    master.answers["GetAgent"] = agent("a", storage_nodes=[node("n1")])
    error = pb.ErrorDetail(code="unavailable", reason="registry_unavailable", message="the registry is locked")
    master.answers["StopStorageNode"] = pb.StopResponse(success=False, error=error)
    ran = cli("agents", "drain", "a", "--stop-nodes")
    assert ran.code == 4
    assert "the registry is locked" in ran.err


@pytest.mark.parametrize(
    "unrest",
    [
        {"pid": 1},
        {"status": "unknown"},
        {"status": "starting"},
        {"status": "stopping"},
        {"backoff_ms": 100},
        {"generation": 2},
    ],
)
def test_at_rest_is_only_what_the_agent_has_confirmed(unrest: dict[str, object]) -> None:
    assert is_at_rest(stopped("n"))
    assert is_at_rest(stopped("n", status="failed"))
    assert not is_at_rest(stopped("n", **unrest))


def test_ctrl_c_says_how_to_finish_a_drain_and_how_to_take_it_back(
    master: FakeMaster, start_cli: Callable[..., subprocess.Popen[str]]
) -> None:
    master.answers["DrainAgent"] = agent("a", drained=True)
    master.answers["GetAgent"] = agent("a", storage_nodes=[node("n1", status="stopping", desired="stopped")])
    process = start_cli("agents", "drain", "a", "--stop-nodes")
    eventually(lambda: len(master.calls["GetAgent"]) >= 4)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=15)
    assert (process.returncode, out) == (130, "")
    waits, said, hint = err.splitlines()
    assert mentions(waits, "a", "n1"), "what it waits for is told once, not with each look"
    assert said == "interrupted: 0 of 1 agents drained"
    assert commands_in(hint) == ["sutra-grid-cli agents list", "sutra-grid-cli agents undrain a --start-nodes"]
