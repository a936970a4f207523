"""Views: nodes, agents and the cluster as readers see them; and that a restarted master shows the same."""

from collections.abc import Callable
from dataclasses import replace

import grpc
import pytest
from support.fakes.fake_agent import FakeAgent
from support.harness.master_harness import MasterHarness

from sutra_grid import __version__
from sutra_grid.core.types import Health, NodeState
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


def test_nodes_are_found_by_each_word_that_lists_show(harness: MasterHarness, agent: FakeAgent) -> None:
    agent.register(harness.stub)
    hung, waiting = harness.spawn("agent-1").node_id, harness.spawn("agent-1").node_id
    agent.journal[hung] = replace(agent.journal[hung], health=Health.UNHEALTHY)
    agent.journal[waiting] = replace(agent.journal[waiting], state=NodeState.STARTING, pid=0, backoff_ms=9_000)
    agent.register(harness.stub)

    def found(status: str) -> list[str]:
        return [node.node_id for node in harness.nodes(status=status)]

    assert (found("unhealthy"), found("running")) == ([hung], [hung])
    assert (found("back-off"), found("starting")) == ([waiting], [waiting])
    with pytest.raises(grpc.RpcError, match="back-off \\| running \\| unhealthy"):
        found("sleepy")


def test_the_cluster_in_numbers(harness: MasterHarness, agent: FakeAgent) -> None:
    empty = harness.stub.GetClusterStatus(pb.Empty())
    assert (empty.status, empty.total_agents, empty.master_version) == ("healthy", 1, __version__)
    stopped = harness.spawn().node_id
    harness.spawn()
    harness.stop_node(stopped)
    cluster = harness.stub.GetClusterStatus(pb.Empty())
    assert cluster.status == "healthy"
    assert (cluster.total_storage_nodes, cluster.running_storage_nodes, cluster.desired_storage_nodes) == (2, 1, 1)


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


def test_unknown_names_are_not_found(harness: MasterHarness) -> None:
    for call in (lambda: harness.agent("agent-9"), lambda: harness.node("node-00000000")):
        with pytest.raises(grpc.RpcError) as unknown:
            call()
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
