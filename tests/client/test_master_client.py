"""The client of a master against a real server whose answers the test sets."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from support.fakes.fake_master import FakeMaster, fake_master
from support.values.cli_records import agent, node

from sutra_grid.client.hints import Hints
from sutra_grid.client.master_client import ClientConfig, MasterClient
from sutra_grid.client.outcome import outcome
from sutra_grid.client.retry import RetryPolicy
from sutra_grid.core.errors import FailedPrecondition, GridError, NotFound, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.connection import NoAnswer, PeerUnreachable

HINTS = Hints("list", "show {}", "agent {}", "remove {}", "Check with list")
RETRY = RetryPolicy(uncertain_seconds=1.0)


@pytest.fixture
def master() -> Iterator[FakeMaster]:
    with fake_master() as fake:
        yield fake


@pytest.fixture
def client(master: FakeMaster) -> Iterator[MasterClient]:
    with MasterClient(ClientConfig(master.address, HINTS, change_seconds=10, retry=RETRY)) as made:
        yield made


def test_every_call_of_an_operator_has_a_method(client: MasterClient, master: FakeMaster) -> None:
    master.answers = {
        "GetClusterStatus": pb.ClusterStatus(status="healthy"),
        "ListAgents": pb.AgentList(agents=[agent("a")]),
        "GetAgent": agent("a"),
        "ListStorageNodes": pb.NodeList(nodes=[node("n")]),
        "GetStorageNodeStatus": node("n"),
        "ListEvents": pb.EventList(last_event_id=7),
        "ReadNodeLog": pb.LogChunk(data=b"line\n"),
        "ListNodeSamples": pb.NodeSampleList(),
        "SpawnStorageNode": pb.SpawnResponse(success=True, node=node("n")),
        "StartStorageNode": pb.NodeResult(success=True, node=node("n")),
        "StopStorageNode": pb.StopResponse(success=True, node=node("n")),
        "RestartStorageNode": pb.NodeResult(success=True, node=node("n")),
        "RemoveStorageNode": pb.NodeResult(success=True, node=node("n")),
        "DrainAgent": agent("a", drained=True),
        "UndrainAgent": agent("a"),
        "RemoveAgent": pb.Empty(),
    }
    assert client.cluster_status().status == "healthy"
    assert client.list_agents().agents[0].agent_id == client.get_agent("a").agent_id == "a"
    assert client.list_nodes().nodes[0].node_id == client.get_node("n").node_id == "n"
    assert client.list_events(pb.ListEventsRequest()).last_event_id == 7
    assert client.read_node_log(pb.LogRequest(node_id="n")).data == b"line\n"
    assert client.list_node_samples("n") == pb.NodeSampleList()
    results = (client.spawn_node(pb.SpawnRequest()), client.start_node("n"), client.stop_node("n"))
    assert {outcome(result).node_id for result in (*results, client.restart_node("n"), client.remove_node("n"))} == {
        "n"
    }
    assert client.drain_agent("a").drained
    assert not client.undrain_agent("a").drained
    assert client.remove_agent("a") == pb.Empty()
    client.check_health(5)
    assert set(master.calls) == set(master.answers)


def test_each_change_has_a_key_of_its_own_or_the_one_that_is_given(client: MasterClient, master: FakeMaster) -> None:
    master.answers["StopStorageNode"] = pb.StopResponse(success=True)
    master.answers["SpawnStorageNode"] = pb.SpawnResponse(success=True)
    client.stop_node("n")
    client.stop_node("n")
    client.stop_node("n", key="mine")
    client.scoped(key_of=lambda target: f"of-{target}").stop_node("n")
    keys = [call.request_id for call in master.calls["StopStorageNode"]]
    assert keys[2:] == ["mine", "of-n"]
    assert len(set(keys)) == 4
    assert all(keys)

    spawn = pb.SpawnRequest(engine="redis")
    client.spawn_node(spawn)
    client.spawn_node(pb.SpawnRequest(request_id="mine"))
    assert spawn == pb.SpawnRequest(engine="redis"), "the request of the caller is not changed"
    assert [bool(call.request_id) for call in master.calls["SpawnStorageNode"]] == [True, True]
    assert master.calls["SpawnStorageNode"][1].request_id == "mine"


def test_the_masters_own_error_comes_as_it_is(client: MasterClient, master: FakeMaster) -> None:
    master.answers["GetAgent"] = NotFound("no agent x", reason=Reason.UNKNOWN_AGENT, hint="look")
    with pytest.raises(NotFound) as missing:
        client.get_agent("x")
    assert (missing.value.reason, missing.value.hint) == (Reason.UNKNOWN_AGENT, "look")
    detail = pb.ErrorDetail(code="failed_precondition", reason="agent_drained", message="a is drained")
    master.answers["SpawnStorageNode"] = pb.SpawnResponse(success=False, error=detail)
    with pytest.raises(FailedPrecondition) as refused:
        outcome(client.spawn_node(pb.SpawnRequest()))
    assert refused.value.reason is Reason.AGENT_DRAINED
    assert len(master.calls["SpawnStorageNode"]) == 1


def test_a_read_reaches_a_master_that_was_restarted_at_once(client: MasterClient, master: FakeMaster) -> None:
    master.answers["ListAgents"] = pb.AgentList()
    client.list_agents()
    master.stop()
    with pytest.raises(PeerUnreachable) as away:
        client.list_agents()
    master.start()
    client.list_agents()
    assert away.value.reason is Reason.MASTER_UNREACHABLE


def test_a_change_whose_answer_stays_lost_may_have_been_applied(client: MasterClient, master: FakeMaster) -> None:
    def vanish(_request: object) -> pb.StopResponse:
        master.stop()
        raise RuntimeError("the answer is lost")

    master.answers["StopStorageNode"] = vanish
    with pytest.raises(PeerUnreachable, match="may have been applied") as lost:
        client.stop_node("n")
    assert (lost.value.reason, lost.value.hint) == (Reason.MASTER_UNREACHABLE, "Check with list")


def test_a_change_without_an_answer_in_time_may_have_been_applied(client: MasterClient, master: FakeMaster) -> None:
    release = threading.Event()

    def hold(_request: object) -> pb.StopResponse:
        release.wait(10)
        return pb.StopResponse(success=True)

    master.answers["StopStorageNode"] = hold
    with pytest.raises(NoAnswer, match="may have been applied") as slow:
        client.stop_node("n", timeout_seconds=0.3)
    release.set()
    assert (slow.value.reason, slow.value.hint) == (Reason.TIMED_OUT, "Check with list")
    assert len(master.calls["StopStorageNode"]) == 1


def test_a_closed_scope_makes_no_more_calls_and_leaves_the_connection(client: MasterClient, master: FakeMaster) -> None:
    master.answers["ListAgents"] = pb.AgentList()
    scope = client.scoped()
    scope.list_agents()
    scope.close()
    for call in (scope.list_agents, lambda: scope.stop_node("n")):
        with pytest.raises(Unavailable):
            call()
    assert client.list_agents() == pb.AgentList()
    assert scope.is_closed
    assert not client.is_closed


def test_a_closed_client_makes_no_more_calls(client: MasterClient, master: FakeMaster) -> None:
    client.close()
    with pytest.raises(GridError) as closed:
        client.list_agents()
    assert closed.value.reason is Reason.ENDING
    assert not master.calls
