"""Statuses of agents by their heartbeats, on a clock that the test moves."""

from collections.abc import Callable

from support.fakes.fake_agent import FakeAgent
from support.harness.master_harness import MasterHarness
from support.texts import mentions, numbers_in
from support.waiting import eventually

from sutra_grid.master.membership.health_monitor import PAUSE_TOLERANCE_SECONDS
from sutra_grid.wire import grid_pb2 as pb

MakeAgent = Callable[..., FakeAgent]


def test_an_agent_without_heartbeats_is_degraded_then_offline_and_recovers_with_one(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    harness.pass_time(14.5)
    assert harness.agent().status == "healthy"
    harness.pass_time(0.5)
    assert (harness.agent().status, harness.agent().reason) == ("degraded", "missed_heartbeats")
    harness.pass_time(14.5)
    assert harness.agent().status == "degraded"
    harness.pass_time(0.5)
    assert harness.agent().status == "offline"
    assert numbers_in(harness.agent().message) == {"30", "6", "5"}, "how long, how many missed, how often one is due"
    assert agent.heartbeat(harness.stub).acknowledged
    assert (harness.agent().status, harness.agent().reason) == ("healthy", "recovered")
    events = harness.events(kind="agent")
    assert [event.kind for event in events][1:] == ["agent.degraded", "agent.offline", "agent.recovered"]
    assert numbers_in(events[-1].message) == {"30"}, "after how many seconds"


def test_an_agent_that_sends_heartbeats_stays_healthy(harness: MasterHarness, agent: FakeAgent) -> None:
    harness.pass_time(60, agent)
    assert harness.agent().status == "healthy"
    assert harness.kinds(kind="agent") == ["agent.registered"]


def test_each_agents_own_interval_counts(harness: MasterHarness, make_agent: MakeAgent) -> None:
    fast, slow = make_agent("fast"), make_agent("slow")
    fast.interval_ms, slow.interval_ms = 1_000, 60_000
    fast.register(harness.stub)
    slow.register(harness.stub)
    harness.pass_time(6)
    assert harness.agent("fast").status == "offline"
    assert harness.agent("slow").status == "healthy"


def test_jumps_of_the_wall_clock_change_no_status(harness: MasterHarness, agent: FakeAgent) -> None:
    for hours in (5, -12):
        harness.clock.jump_wall(hours * 3600)
        harness.pass_time(4, agent)
        assert harness.agent().status == "healthy"
    assert harness.kinds(kind="agent") == ["agent.registered"]


def test_a_master_that_stood_still_blames_nobody(harness: MasterHarness, agent: FakeAgent) -> None:
    harness.core.monitor.check()
    harness.clock.advance(PAUSE_TOLERANCE_SECONDS + 3600)
    harness.core.monitor.check()
    harness.pass_time(14)
    assert harness.agent().status == "healthy"
    harness.pass_time(20)
    assert harness.agent().status == "offline"


def test_every_known_agent_has_a_full_grace_period_after_the_masters_start(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    harness.pass_time(14)
    harness.stop()
    harness.clock.advance(3600)
    harness.start()
    harness.pass_time(29)
    assert harness.agent().status == "healthy"
    harness.pass_time(1)
    assert harness.agent().status == "offline"
    assert mentions(harness.agent().message, "master", "30 s"), "it is counted from the master's start"


def test_a_status_reaches_the_registry(harness: MasterHarness, agent: FakeAgent) -> None:
    harness.pass_time(30)

    def stored() -> bool:
        row = harness.registry.agent("agent-1")
        return row is not None and row.status == "offline" and row.reason == "missed_heartbeats"

    eventually(stored, 3.0, "offline in the registry")


def test_nodes_of_an_offline_agent_are_unknown_and_come_back_untouched(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    before = harness.spawn().node
    harness.pass_time(30)
    assert (harness.node(before.node_id).status, harness.node(before.node_id).reason) == ("unknown", "agent_offline")
    cluster = harness.stub.GetClusterStatus(pb.Empty())
    assert (cluster.status, cluster.offline_agents, cluster.unknown_storage_nodes) == ("critical", 1, 1)
    answer = agent.heartbeat(harness.stub)
    assert not answer.assignments
    after = harness.node(before.node_id)
    assert (after.status, after.pid, after.restarts) == ("running", before.pid, 0)
    assert harness.stub.GetClusterStatus(pb.Empty()).status == "healthy"


def test_the_grid_is_degraded_until_more_than_half_of_the_agents_are_offline(
    harness: MasterHarness, make_agent: MakeAgent
) -> None:
    agents = [make_agent(f"agent-{number}") for number in range(1, 5)]
    for agent in agents:
        agent.register(harness.stub)
    harness.pass_time(30, *agents[:2])
    cluster = harness.stub.GetClusterStatus(pb.Empty())
    assert (cluster.status, cluster.healthy_agents, cluster.offline_agents) == ("degraded", 2, 2)
    assert mentions(cluster.reasons[0], "agent-3", "offline")
    harness.pass_time(30, agents[0])
    assert harness.stub.GetClusterStatus(pb.Empty()).status == "critical"
