"""Drain, undrain and remove."""

from collections.abc import Callable

import grpc
import pytest
from support.fakes.fake_agent import FakeAgent
from support.harness.master_harness import MasterHarness
from support.texts import mentions, numbers_in

from sutra_grid.core.errors import GridError
from sutra_grid.core.types import Reason
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.errors import from_rpc_error

AGENT_1 = pb.AgentCommand(agent_id="agent-1")
BY_FORCE = pb.AgentCommand(agent_id="agent-1", force=True)
BY_FORCE = pb.AgentCommand(agent_id="agent-1", force=True)


def test_a_drained_agent_takes_no_new_nodes_and_keeps_its_own(harness: MasterHarness, agent: FakeAgent) -> None:
    node = harness.spawn().node
    record = harness.stub.DrainAgent(AGENT_1)
    assert record.drained
    assert record.storage_nodes[0].status == "running"
    named = harness.spawn("agent-1")
    assert (named.success, named.error.reason) == (False, "agent_drained")
    assert harness.spawn().error.reason == "no_agent_available"
    assert harness.restart_node(node.node_id).success
    assert not harness.stub.UndrainAgent(AGENT_1).drained
    assert harness.spawn("agent-1").success
    assert [k for k in harness.kinds(kind="agent") if "drain" in k] == ["agent.drained", "agent.undrained"]


def test_draining_twice_is_one_event(harness: MasterHarness, agent: FakeAgent) -> None:
    harness.stub.DrainAgent(AGENT_1)
    harness.stub.DrainAgent(AGENT_1)
    assert harness.kinds(kind="agent.drained") == ["agent.drained"]


def test_an_agent_stays_drained_over_its_own_and_the_masters_restart(harness: MasterHarness, agent: FakeAgent) -> None:
    harness.stub.DrainAgent(AGENT_1)
    harness.restart()
    assert harness.agent().drained
    with agent.restarted() as newer:
        newer.register(harness.stub)
        assert harness.agent().drained
        harness.restart()
        assert harness.agent().drained


def test_an_agent_that_is_there_is_not_removed(harness: MasterHarness, agent: FakeAgent) -> None:
    for count, reason in enumerate((Reason.AGENT_NOT_OFFLINE, Reason.AGENT_NOT_EMPTY)):
        refused = refusal_to_remove(harness)
        assert (refused.code, refused.reason) == ("failed_precondition", reason)
        assert mentions(refused.message, "agent-1", "healthy")
        assert numbers_in(refused.message) == {str(count)}, "it says how many nodes the agent has"
        harness.spawn()


def test_an_offline_agent_is_removed_with_its_nodes_and_its_id_is_free(
    harness: MasterHarness, agent: FakeAgent, make_agent: Callable[..., FakeAgent]
) -> None:
    node = harness.spawn().node
    harness.pass_time(30)
    harness.stub.RemoveAgent(BY_FORCE)
    assert not harness.stub.ListAgents(pb.Empty()).agents
    assert harness.nodes() == []
    assert harness.registry.tombstones() == {node.node_id: 1}
    (event,) = harness.events(kind="agent.removed")
    assert mentions(event.message, node.node_id)
    successor = make_agent("agent-1", host_id="another-host")
    assert successor.register(harness.stub).success


def test_an_offline_agent_whose_node_may_run_is_removed_only_by_force(
    harness: MasterHarness, agent: FakeAgent, make_agent: Callable[..., FakeAgent]
) -> None:
    node = harness.spawn().node
    harness.pass_time(30)
    refused = refusal_to_remove(harness)
    assert (refused.code, refused.reason) == ("failed_precondition", Reason.NODES_MAY_RUN)
    assert mentions(refused.message, node.node_id, node.pid, "host-of-agent-1.example")
    assert mentions(refused.hint, "agents remove agent-1 --force", "stops those that run", "data stays")
    make_agent("agent-1", host_id="another-host").register(harness.stub)
    refused = refusal_to_remove(harness)
    assert mentions(refused.message, "another-host"), "it tells who waits for the id"
    assert refused.hint.startswith("Is the data disk mounted on another-host.example?")
    assert harness.nodes(), "nothing is lost"


def test_an_offline_agent_whose_nodes_are_stopped_needs_no_force(harness: MasterHarness, agent: FakeAgent) -> None:
    harness.stop_node(harness.spawn().node.node_id)
    harness.pass_time(30)
    harness.stub.RemoveAgent(AGENT_1)
    assert harness.nodes() == []


def test_a_removed_agent_that_returns_stops_what_was_removed_with_it(harness: MasterHarness, agent: FakeAgent) -> None:
    harness.spawn()
    harness.pass_time(30)
    harness.stub.RemoveAgent(BY_FORCE)
    assert agent.heartbeat(harness.stub).instruction == "register"
    answer = agent.register(harness.stub)
    assert [assignment.desired for assignment in answer.assignments] == ["absent"]
    assert agent.heartbeat(harness.stub).assignments == []
    assert harness.nodes() == []


def test_unknown_agents_are_named(harness: MasterHarness) -> None:
    for call in (harness.stub.DrainAgent, harness.stub.UndrainAgent, harness.stub.RemoveAgent):
        with pytest.raises(grpc.RpcError) as refused:
            call(pb.AgentCommand(agent_id="agent-9"))
        unknown = from_rpc_error(refused.value)
        assert (unknown.code, unknown.reason) == ("not_found", Reason.UNKNOWN_AGENT)
        assert mentions(unknown.message, "agent-9")


def refusal_to_remove(harness: MasterHarness) -> GridError:
    with pytest.raises(grpc.RpcError) as refused:
        harness.stub.RemoveAgent(AGENT_1)
    return from_rpc_error(refused.value)
