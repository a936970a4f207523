"""Agents, nodes, reports and events that tests begin with."""

from dataclasses import replace
from typing import Any

from sutra_grid.core.event_kinds import event_kind
from sutra_grid.core.samples import HostSample, NodeSample
from sutra_grid.core.types import (
    Actor,
    Agent,
    AgentStatus,
    Desired,
    Event,
    Health,
    Node,
    NodeExit,
    NodeReport,
    NodeSpec,
    NodeState,
    Reason,
)

HOST = HostSample(
    at_ms=10,
    cpu_percent=12.5,
    cpu_count=8,
    memory_total_bytes=64 << 30,
    memory_available_bytes=32 << 30,
    disk_total_bytes=1 << 40,
    disk_free_bytes=1 << 39,
    load_average_1m=0.75,
)


def an_agent(agent_id: str = "agent-1", **changes: Any) -> Agent:
    """An agent whose every field has a value of its own."""
    agent = Agent(
        agent_id=agent_id,
        hostname=f"host-of-{agent_id}",
        platform="docker",
        max_storage_nodes=10,
        version="0.1.0",
        endpoint="10.0.0.1:7001",
        host_id=f"hid-{agent_id}",
        instance_id="instance-1",
        session_id="session-1",
        heartbeat_interval_ms=5_000,
        engines=("storage", "redis"),
        labels={"zone": "eu-1", "disk": "nvme"},
        data_path="/data/sutra",
        status=AgentStatus.HEALTHY,
        reason=Reason.REGISTERED,
        message="registered",
        status_since_ms=1_000,
        drained=False,
        registered_at_ms=900,
        last_heartbeat_ms=1_100,
        host=HOST,
    )
    return replace(agent, **changes)


def a_node(node_id: str = "node-00000001", agent_id: str = "agent-1", **changes: Any) -> Node:
    """A node that should run and was not reported yet."""
    spec = NodeSpec(engine="storage", port=50051, storage_path=f"/data/sutra/{node_id}", memory_limit_mb=2048)
    node = Node(node_id, agent_id, spec, Desired.RUNNING, generation=1, restart_generation=1, created_at_ms=1_000)
    return replace(node, **changes)


def a_report(node: Node, **changes: Any) -> NodeReport:
    """The report of ``node`` as it runs, with an exit behind it."""
    report = NodeReport(
        node_id=node.node_id,
        generation=node.generation,
        desired=node.desired,
        state=NodeState.RUNNING,
        pid=4711,
        endpoint=f"10.0.0.1:{node.spec.port}",
        spec=node.spec,
        restart_generation=node.restart_generation,
        reason=Reason.SPAWNED,
        message="it runs",
        health=Health.HEALTHY,
        restarts=2,
        started_at_ms=2_000,
        exits=(
            NodeExit(code=None, signal=9, at_ms=1_900, uptime_ms=500, reason=Reason.CRASHED),
            NodeExit(code=3, signal=0, at_ms=1_400, uptime_ms=100, reason=Reason.CRASHED),
        ),
        sample=NodeSample(at_ms=2_100, cpu_percent=3.5, rss_bytes=44 << 20, uptime_ms=100, threads=70, open_files=40),
        backoff_ms=250,
        log_tail=("a line", "with a NUL \x00 and ünïcode"),
    )
    return replace(report, **changes)


def an_event(kind: str = "node.spawned", **changes: Any) -> Event:
    """An event of the first node of the first agent."""
    event = Event(
        kind=event_kind(kind),
        at_ms=1_000,
        actor=Actor.OPERATOR,
        agent_id="agent-1",
        node_id="node-00000001",
        reason=Reason.SPAWNED,
        message="spawned",
    )
    return replace(event, **changes)
