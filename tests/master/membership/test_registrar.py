"""Agents come and go."""

from collections.abc import Callable

import grpc
import pytest
from support.fakes.fake_agent import FakeAgent
from support.harness.master_harness import MasterHarness
from support.texts import mentions

from sutra_grid.core.types import Assignment, Desired, NodeSpec
from sutra_grid.wire import grid_pb2 as pb

MakeAgent = Callable[..., FakeAgent]


def test_a_registered_agent_is_listed_with_all_that_it_said(harness: MasterHarness, agent: FakeAgent) -> None:
    (record,) = harness.stub.ListAgents(pb.Empty()).agents
    assert record.agent_id == "agent-1"
    assert record.hostname == "host-of-agent-1.example"
    assert (record.platform, record.status, record.max_storage_nodes) == ("desktop", "healthy", 10)
    assert (record.version, record.agent_endpoint, record.data_path) == ("1.2.3", agent.endpoint, "/data")
    assert list(record.engines) == ["redis", "storage"]
    assert dict(record.labels) == {"rack": "r1"}
    assert record.host.cpu_count == 4
    assert record.last_heartbeat == int(harness.clock.wall())
    assert record.reason == "registered"


def test_a_registration_is_on_disk_when_it_is_answered(harness: MasterHarness, agent: FakeAgent) -> None:
    stored = harness.registry.agent("agent-1")
    assert stored is not None
    assert stored.session_id == agent.session_id
    assert harness.kinds() == ["agent.registered"]


def test_an_invalid_name_is_refused(harness: MasterHarness) -> None:
    for name in ("", " ", "a b", "a/b", "x" * 129, "a\nb"):
        answer = harness.stub.RegisterAgent(pb.AgentInfo(agent_id=name))
        assert not answer.success
        assert answer.error.reason == "invalid_argument"
        assert "agent_id" in answer.error_message


def test_an_endpoint_that_can_not_be_called_is_refused(harness: MasterHarness) -> None:
    for endpoint in ("nowhere", "host:0", "host:99999", "host:port"):
        answer = harness.stub.RegisterAgent(pb.AgentInfo(agent_id="agent-1", agent_endpoint=endpoint))
        assert not answer.success, endpoint
        assert answer.error.code == "invalid_argument"


def test_the_same_id_from_another_host_is_refused_and_the_holder_named(
    harness: MasterHarness, agent: FakeAgent, make_agent: MakeAgent
) -> None:
    intruder = make_agent("agent-1", host_id="another-host")
    answer = intruder.register(harness.stub)
    assert not answer.success
    assert answer.error.reason == "host_conflict"
    assert mentions(answer.error_message, "host-of-agent-1.example", "another-host", "Is the data disk mounted")
    assert "agents remove" not in answer.error_message, "the holder is healthy: nothing leads to its removal"
    assert agent.heartbeat(harness.stub).acknowledged
    assert harness.kinds(kind="agent") == ["agent.registered", "agent.refused"]


def test_a_host_that_asks_again_and_again_is_refused_with_one_event_for_each_change(
    harness: MasterHarness, agent: FakeAgent, make_agent: MakeAgent
) -> None:
    intruder, other = make_agent("agent-1", host_id="host-b"), make_agent("agent-1", host_id="host-c")

    def refusals() -> list[str]:
        return [event.message for event in harness.events(kind="agent.refused")]

    for _ in range(3):
        assert not intruder.register(harness.stub).success
    assert len(refusals()) == 1
    harness.restart()
    for _ in range(2):
        intruder.register(harness.stub)
        other.register(harness.stub)
    assert [("host-b" in message, "host-c" in message) for message in refusals()] == [(True, False), (False, True)]
    harness.clock.advance(1)
    with agent.restarted() as newer:
        newer.register(harness.stub)
        intruder.register(harness.stub)
        intruder.register(harness.stub)
    assert len(refusals()) == 3, "the holder's process changed: that it is refused still is news"


def test_a_client_without_an_identity_does_not_take_an_identified_agents_name(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    answer = harness.stub.RegisterAgent(pb.AgentInfo(agent_id="agent-1", hostname="elsewhere"))
    assert not answer.success
    assert answer.error.reason == "host_conflict"
    beat = harness.stub.Heartbeat(pb.HeartbeatRequest(agent_id="agent-1"))
    assert not beat.acknowledged


def test_a_newer_process_supersedes_the_older_which_is_told_to_end_itself(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    with agent.restarted() as newer:
        assert newer.register(harness.stub).success
        harness.clock.advance(0.1)
        newer.heartbeat(harness.stub)
        told = agent.heartbeat(harness.stub)
        assert (told.acknowledged, told.instruction) == (False, "superseded")
        assert mentions(told.message, "host-of-agent-1.example"), "it says where the newer process is"
        assert newer.heartbeat(harness.stub).acknowledged
        assert agent.heartbeat(harness.stub).instruction == "superseded"
        assert newer.heartbeat(harness.stub).acknowledged
    assert harness.kinds(kind="agent") == ["agent.registered", "agent.registered", "agent.superseded"]


def test_a_process_that_registers_twice_is_never_superseded_by_itself(harness: MasterHarness, agent: FakeAgent) -> None:
    first = agent.session_id
    agent.register(harness.stub)
    agent.session_id = first  # the answer of the second registration was lost
    assert agent.heartbeat(harness.stub).instruction == "register"


def test_an_agent_that_stops_on_purpose_is_offline_at_once(harness: MasterHarness, agent: FakeAgent) -> None:
    harness.stub.UnregisterAgent(pb.AgentId(agent_id="agent-1", session_id=agent.session_id, reason="SIGTERM"))
    record = harness.agent()
    assert (record.status, record.reason) == ("offline", "unregistered")
    assert mentions(record.message, "SIGTERM")
    assert harness.kinds(kind="agent.offline") == ["agent.offline"]
    late = agent.heartbeat(harness.stub)
    assert (late.acknowledged, late.instruction) == (False, "register")
    assert agent.register(harness.stub).success
    assert harness.agent().status == "healthy"


def test_only_the_current_session_can_end_an_agent(harness: MasterHarness, agent: FakeAgent) -> None:
    with agent.restarted() as newer:
        newer.register(harness.stub)
        harness.stub.UnregisterAgent(pb.AgentId(agent_id="agent-1", session_id=agent.session_id))
        assert harness.agent().status == "healthy"
    with pytest.raises(grpc.RpcError) as refused:
        harness.stub.UnregisterAgent(pb.AgentId(agent_id="agent-1"))
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


def test_an_agent_ended_on_purpose_stays_so_after_a_restart_of_the_master(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    harness.stub.UnregisterAgent(pb.AgentId(agent_id="agent-1", session_id=agent.session_id))
    harness.restart()
    assert (harness.agent().status, harness.agent().reason) == ("offline", "unregistered")


def test_a_registration_waits_for_the_registry_and_heartbeats_do_not(
    harness: MasterHarness, agent: FakeAgent, make_agent: MakeAgent, locked_registry: Callable[[], None]
) -> None:
    unlock = locked_registry
    other = make_agent("agent-2")
    with pytest.raises(grpc.RpcError) as refused:
        other.register(harness.stub)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert agent.heartbeat(harness.stub).acknowledged
    unlock()
    assert other.register(harness.stub).success


def test_running_nodes_are_taken_over_when_the_registry_was_lost(harness: MasterHarness, agent: FakeAgent) -> None:
    node = harness.spawn().node
    harness.stop()
    harness.registry_file.unlink()
    harness.start()
    assert agent.heartbeat(harness.stub).instruction == "register"
    agent.register(harness.stub)
    taken = harness.node(node.node_id)
    assert (taken.status, taken.pid, taken.generation) == ("running", node.pid, node.generation)
    assert taken.spec == node.spec
    assert harness.kinds(node_id=node.node_id) == ["node.taken_over"]
    assert agent.heartbeat(harness.stub).assignments == []
    assert len(agent.applied) == 1


def test_an_agent_of_another_name_on_the_same_host_keeps_its_nodes(
    harness: MasterHarness, agent: FakeAgent, make_agent: MakeAgent
) -> None:
    node = harness.spawn().node
    renamed = make_agent("host-a", host_id=agent.host_id)
    renamed.journal.update(agent.journal)
    renamed.register(harness.stub)
    assert harness.node(node.node_id).agent_id == "host-a"
    assert harness.node(node.node_id).pid == node.pid


def test_a_node_of_another_host_is_left_alone(harness: MasterHarness, agent: FakeAgent, make_agent: MakeAgent) -> None:
    node = harness.spawn().node
    other = make_agent("agent-2")
    other.obey(Assignment(node.node_id, 9, Desired.RUNNING, NodeSpec(), agent_id="agent-2"))
    other.register(harness.stub)
    assert other.heartbeat(harness.stub).assignments == []
    assert harness.node(node.node_id).agent_id == "agent-1"
    assert harness.kinds(agent_id="agent-2", kind="node") == ["node.foreign"]
