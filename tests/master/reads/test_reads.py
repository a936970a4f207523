"""What readers see: nodes, events, the cluster; and that a restarted master shows the same."""

from collections.abc import Callable

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from support.fakes.fake_agent import FakeAgent
from support.harness.master_harness import MasterHarness
from support.waiting import eventually

from sutra_grid import __version__
from sutra_grid.wire import grid_pb2 as pb


def test_nodes_are_listed_by_agent_status_and_engine(
    harness: MasterHarness, make_agent: Callable[..., FakeAgent]
) -> None:
    for name in ("agent-1", "agent-2"):
        make_agent(name).register(harness.stub)
    first = harness.spawn("agent-1").node_id
    second = harness.spawn("agent-2", engine="redis").node_id
    harness.stop_node(second)
    assert {node.node_id for node in harness.nodes()} == {first, second}
    assert [node.node_id for node in harness.nodes(agent_id="agent-1")] == [first]
    assert [node.node_id for node in harness.nodes(status="stopped")] == [second]
    assert [node.node_id for node in harness.nodes(engine="redis")] == [second]
    assert harness.nodes(agent_id="agent-9") == []


def test_the_cluster_in_numbers(harness: MasterHarness, agent: FakeAgent) -> None:
    empty = harness.stub.GetClusterStatus(pb.Empty())
    assert (empty.status, empty.total_agents, empty.master_version) == ("healthy", 1, __version__)
    stopped = harness.spawn().node_id
    harness.spawn()
    harness.stop_node(stopped)
    cluster = harness.stub.GetClusterStatus(pb.Empty())
    assert cluster.status == "healthy"
    assert (cluster.total_storage_nodes, cluster.running_storage_nodes, cluster.desired_storage_nodes) == (2, 1, 1)


def test_events_are_followed_with_a_cursor(harness: MasterHarness, agent: FakeAgent) -> None:
    first = harness.stub.ListEvents(pb.ListEventsRequest())
    assert [event.kind for event in first.events] == ["agent.registered"]
    nothing = harness.stub.ListEvents(pb.ListEventsRequest(after_event_id=first.last_event_id))
    assert not nothing.events
    assert nothing.last_event_id == first.last_event_id
    harness.spawn()
    page = harness.stub.ListEvents(pb.ListEventsRequest(after_event_id=nothing.last_event_id, limit=1))
    assert [event.kind for event in page.events] == ["node.spawned"]
    rest = harness.stub.ListEvents(pb.ListEventsRequest(after_event_id=page.last_event_id))
    assert [event.kind for event in rest.events] == ["node.started"]
    filtered = harness.stub.ListEvents(pb.ListEventsRequest(after_event_id=page.last_event_id, kind="agent"))
    assert not filtered.events
    assert filtered.last_event_id == rest.last_event_id


def test_too_many_events_at_once_are_refused(harness: MasterHarness) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        harness.events(limit=1001)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_restarted_master_shows_the_same(harness: MasterHarness, agent: FakeAgent) -> None:
    for _ in range(3):
        harness.spawn()
    harness.stop_node(harness.nodes()[0].node_id)
    harness.pass_time(12, agent)
    before = harness.stub.ListAgents(pb.Empty())
    cluster = harness.stub.GetClusterStatus(pb.Empty())
    harness.restart()
    assert harness.stub.ListAgents(pb.Empty()) == before
    again = harness.stub.GetClusterStatus(pb.Empty())
    assert (again.status, again.running_storage_nodes) == (cluster.status, cluster.running_storage_nodes)
    assert agent.heartbeat(harness.stub).acknowledged
    assert agent.heartbeat(harness.stub).assignments == []


def test_reads_are_answered_while_the_registry_is_locked(
    harness: MasterHarness, agent: FakeAgent, locked_registry: Callable[[], None]
) -> None:
    assert harness.agent().status == "healthy"
    assert harness.stub.GetClusterStatus(pb.Empty()).total_agents == 1
    harness.pass_time(30)
    assert harness.agent().status == "offline"
    locked_registry()
    assert harness.kinds(kind="agent")[-2:] == ["agent.degraded", "agent.offline"]


def test_health_and_reflection_answer(harness: MasterHarness) -> None:
    with grpc.insecure_channel(harness.master.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        answer = health.Check(health_pb2.HealthCheckRequest(service="grid.GridMaster"), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        (listed,) = reflection.ServerReflectionInfo(iter([request]), timeout=5)
        assert "grid.GridMaster" in {service.name for service in listed.list_services_response.service}


def test_unknown_names_are_not_found(harness: MasterHarness) -> None:
    for call in (lambda: harness.agent("agent-9"), lambda: harness.node("node-00000000")):
        with pytest.raises(grpc.RpcError) as unknown:
            call()
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_heartbeat_with_an_unreadable_inventory_keeps_the_agent_alive_and_changes_nothing(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    node_id = harness.spawn().node_id
    harness.pass_time(16)
    assert harness.agent().status == "degraded"
    odd = pb.NodeReport(node_id=node_id, generation=1, desired="running", state="of the future")
    answer = harness.stub.Heartbeat(pb.HeartbeatRequest(agent_id="agent-1", session_id=agent.session_id, nodes=[odd]))
    assert answer.acknowledged
    assert not answer.assignments
    assert harness.agent().status == "healthy"
    assert harness.node(node_id).status == "running"


def test_a_thousand_heartbeats_cause_few_writes(harness: MasterHarness, agent: FakeAgent) -> None:
    for _ in range(1000):
        agent.heartbeat(harness.stub)
    eventually(lambda: harness.core.registry_writer.writes > 0, message="the registry is written behind")
    assert harness.core.registry_writer.writes <= 30
