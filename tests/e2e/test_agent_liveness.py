"""Heartbeats: registered, degraded, offline, recovered; and what that says of the nodes."""

from __future__ import annotations

import signal
import time

from support.harness.grid import Grid
from support.waiting import eventually


def test_an_agent_without_heartbeats_is_degraded_then_offline_and_recovers_with_the_next_one(shared_grid: Grid) -> None:
    node = shared_grid.grpc.spawn("agent-1")
    agent = shared_grid.agents["agent-1"]
    interval = shared_grid.spec.heartbeat_seconds
    cursor = shared_grid.events()[-1].event_id

    agent.signal(signal.SIGSTOP)
    silent_since = time.monotonic()
    eventually(lambda: shared_grid.agent().status == "degraded", message="degraded")
    degraded_after = time.monotonic() - silent_since
    eventually(lambda: shared_grid.agent().status == "offline", message="offline")
    offline_after = time.monotonic() - silent_since
    record = shared_grid.agent()
    hidden = shared_grid.grpc.show(node.node_id)
    path = f"/nodes/{node.node_id}"
    eventually(
        lambda: shared_grid.http.get(path).json["status_since_ms"] == record.status_since_ms,
        message="unknown since its agent is offline",
    )
    agent.signal(signal.SIGCONT)
    eventually(lambda: shared_grid.agent().status == "healthy", message="recovered")

    assert 2 * interval <= degraded_after <= 6 * interval
    assert 5 * interval <= offline_after <= 9 * interval
    assert (record.reason, hidden.status) == ("missed_heartbeats", "unknown")
    assert shared_grid.wait_node(node.node_id, "running").pid == node.pid
    assert shared_grid.pids()[node.node_id] == node.pid
    kinds = [event.kind for event in shared_grid.events(after_event_id=cursor, agent_id="agent-1", kind="agent")]
    assert kinds == ["agent.degraded", "agent.offline", "agent.recovered"]
    shared_grid.grpc.remove(node.node_id)


def test_the_cluster_is_critical_without_its_agent_and_says_why(shared_grid: Grid) -> None:
    agent = shared_grid.agents["agent-1"]
    assert shared_grid.grpc.cluster() == "healthy"

    agent.signal(signal.SIGSTOP)
    eventually(lambda: shared_grid.grpc.cluster() == "critical", message="critical")
    eventually(lambda: shared_grid.rest.cluster() == "critical", message="critical for the admin too")
    agent.signal(signal.SIGCONT)

    eventually(lambda: shared_grid.grpc.cluster() == "healthy", message="healthy again")


def test_heartbeats_reach_the_registry_in_batches(shared_grid: Grid) -> None:
    def last_heartbeat() -> int:
        (agent,) = shared_grid.http.get("/agents").json["agents"]
        return int(agent["last_heartbeat"])

    first = last_heartbeat()
    eventually(lambda: last_heartbeat() > first, message="a later heartbeat in the registry")


def test_an_agent_registers_when_the_master_comes_up_after_it(shared_grid: Grid) -> None:
    agent = shared_grid.agents["agent-1"]
    agent.stop()
    shared_grid.master.stop()

    agent.start()
    agent.wait_ready()
    shared_grid.master.start()
    shared_grid.master.wait_ready()

    shared_grid.wait_agents("healthy")
