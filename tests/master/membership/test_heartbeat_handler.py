"""Heartbeats: which session counts, what an inventory decides, and what is written."""

from collections.abc import Callable

from support.fakes.fake_agent import FakeAgent
from support.harness.master_harness import MasterHarness
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

MakeAgent = Callable[..., FakeAgent]


def test_a_newer_session_that_is_never_used_ends_nobody(harness: MasterHarness, agent: FakeAgent) -> None:
    with agent.restarted() as newer:
        newer.register(harness.stub)
        waiting = agent.heartbeat(harness.stub)
        assert (waiting.acknowledged, waiting.instruction) == (True, "")
        harness.pass_time(15)
        assert harness.agent().status == "degraded"
        assert agent.heartbeat(harness.stub).instruction == "register"
        agent.register(harness.stub)
        harness.clock.advance(0.1)
        assert agent.heartbeat(harness.stub).acknowledged
        assert newer.heartbeat(harness.stub).instruction == "superseded"


def test_sessions_hold_across_a_restart_of_the_master(harness: MasterHarness, agent: FakeAgent) -> None:
    with agent.restarted() as newer:
        newer.register(harness.stub)
        harness.clock.advance(0.1)
        newer.heartbeat(harness.stub)
        harness.restart()
        assert agent.heartbeat(harness.stub).instruction == "superseded"
        assert newer.heartbeat(harness.stub).acknowledged


def test_an_unknown_agent_is_told_to_register(harness: MasterHarness, make_agent: MakeAgent) -> None:
    foreign = make_agent("agent-9")
    foreign.session_id = "00000000000001-12345678"
    answer = foreign.heartbeat(harness.stub)
    assert (answer.acknowledged, answer.instruction) == (False, "register")


def test_last_heartbeat_reaches_the_registry_behind(harness: MasterHarness, agent: FakeAgent) -> None:
    harness.clock.advance(1.0)
    agent.heartbeat(harness.stub)
    wanted = int(harness.clock.wall() * 1000)

    def stored() -> bool:
        row = harness.registry.agent("agent-1")
        return row is not None and row.last_heartbeat_ms == wanted

    eventually(stored, 3.0, "last_heartbeat written behind")


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
