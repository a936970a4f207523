"""The columns of agents, nodes and events."""

from __future__ import annotations

from collections.abc import Sequence

from sutra_grid.cli.output.printer import Listing
from sutra_grid.cli.output.table import Column
from sutra_grid.cli.output.times import clock_time
from sutra_grid.client.descriptions import agent_status, is_measured, is_observed, node_status
from sutra_grid.core.actor_names import actor_text
from sutra_grid.core.age import age
from sutra_grid.core.size import size
from sutra_grid.core.types import AgentStatus
from sutra_grid.wire import grid_pb2 as pb


def agent_columns(now_ms: int) -> Sequence[Column[pb.AgentRecord]]:
    """One row per agent."""
    return [
        Column("AGENT", lambda a: a.agent_id, cut="middle", min_width=12),
        Column("STATUS", agent_status, colored=True),
        Column("NODES", lambda a: f"{a.current_storage_nodes}/{a.max_storage_nodes}"),
        Column("CPU", lambda a: f"{a.host.cpu_percent:.0f}%" if _is_measured(a) else ""),
        Column("MEM FREE", lambda a: size(a.host.memory_available_bytes) if _is_measured(a) else ""),
        Column("DISK FREE", lambda a: size(a.host.disk_free_bytes) if _is_measured(a) else ""),
        Column("SEEN", lambda a: age(a.last_heartbeat * 1000, now_ms)),
        Column("HOST", lambda a: a.hostname, cut="middle", min_width=10),
        Column("REASON", lambda a: a.reason, wide=True),
        Column("PLATFORM", lambda a: a.platform, wide=True),
        Column("VERSION", lambda a: a.version, wide=True),
        Column("ENDPOINT", lambda a: a.agent_endpoint, wide=True),
        Column("INSECURE", lambda a: ",".join(a.insecure), wide=True),
        Column("ENGINES", lambda a: ",".join(a.engines), wide=True),
        Column("DATA PATH", lambda a: a.data_path, wide=True),
        Column("LABELS", lambda a: ",".join(f"{k}={v}" for k, v in sorted(a.labels.items())), wide=True),
        Column("MESSAGE", lambda a: a.message, wide=True),
    ]


def node_columns(now_ms: int) -> Sequence[Column[pb.NodeStatus]]:
    """One row per node."""
    return [
        Column("NODE", lambda n: n.node_id, cut="middle", min_width=13),
        Column("STATUS", node_status, colored=True),
        Column("AGENT", lambda n: n.agent_id, cut="middle", min_width=6),
        Column("ENDPOINT", lambda n: n.endpoint, cut="middle", min_width=9),
        Column("PID", lambda n: str(n.pid) if n.pid else ""),
        Column("UP", lambda n: uptime(n, now_ms)),
        Column("MEM", lambda n: size(n.sample.rss_bytes) if is_measured(n) else ""),
        Column("RESTARTS", lambda n: str(n.restarts)),
        Column("ENGINE", lambda n: n.spec.engine, wide=True),
        Column("CPU", lambda n: f"{n.sample.cpu_percent:.0f}%" if is_measured(n) else "", wide=True),
        Column("HEALTH", lambda n: n.health if is_observed(n) else "", wide=True, colored=True),
        Column("SINCE", lambda n: age(n.status_since_ms, now_ms), wide=True),
        Column("DESIRED", lambda n: n.desired, wide=True),
        Column("REASON", lambda n: n.reason, wide=True),
        Column("LIMIT", lambda n: f"{n.spec.memory_limit_mb}Mi" if n.spec.memory_limit_mb else "", wide=True),
        Column("STORAGE PATH", lambda n: n.spec.storage_path, wide=True),
        Column("MESSAGE", lambda n: n.message, wide=True),
    ]


def event_columns(now_ms: int) -> Sequence[Column[pb.Event]]:
    """One row per event."""
    return [
        Column("AGE", lambda e: age(e.at_ms, now_ms)),
        Column("TIME", lambda e: clock_time(e.at_ms), wide=True),
        Column("EVENT", lambda e: e.kind),
        Column("AGENT", lambda e: e.agent_id, cut="middle", min_width=8),
        Column("NODE", lambda e: e.node_id, cut="middle", min_width=8),
        Column("REASON", lambda e: e.reason, wide=True),
        Column("BY", lambda e: actor_text(e.actor, e.actor_name, e.actor_address), wide=True),
        Column("MESSAGE", lambda e: e.message, cut="end", min_width=10),
    ]


AGENTS: Listing[pb.AgentRecord] = Listing(
    "agents",
    agent_columns,
    lambda a: a.agent_id,
    "No agents. Start one with: sutra-grid-agent --config FILE",
    "No agent matches.",
)
NODES: Listing[pb.NodeStatus] = Listing(
    "nodes",
    node_columns,
    lambda n: n.node_id,
    "No storage nodes. Start one with: sutra-grid-cli nodes spawn",
    "No storage node matches.",
)
EVENTS: Listing[pb.Event] = Listing(
    "events", event_columns, lambda e: str(e.event_id), "No events.", "No event matches."
)


def uptime(node: pb.NodeStatus, now_ms: int) -> str:
    """How long the process has run; empty without a process, and while nobody sees it."""
    return age(node.started_at_ms, now_ms) if is_observed(node) and node.pid and node.started_at_ms else ""


def _is_measured(agent: pb.AgentRecord) -> bool:
    """Whether the measurements of its host are of now. Those of an offline agent are its last."""
    return agent.status != AgentStatus.OFFLINE and agent.HasField("host")
