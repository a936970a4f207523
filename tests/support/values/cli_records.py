"""Messages of a small grid, and the outcome of a command line."""

from dataclasses import dataclass
from typing import Any

from sutra_grid.wire import grid_pb2 as pb


@dataclass(frozen=True)
class Ran:
    """How a command line ended and what it wrote."""

    code: int
    out: str
    err: str


#: What a command that watches or follows writes while no master answers it.
MASTER_IS_AWAY = "master not reachable"

NOW_MS = 1_700_000_000_000


def node(node_id: str = "node-00000001", **fields: Any) -> pb.NodeStatus:
    values: dict[str, Any] = {
        "status": "running", "pid": 4711, "endpoint": "127.0.0.1:50051", "agent_id": "agent-1", "desired": "running",
        "generation": 1, "observed_generation": 1, "health": "healthy", "restarts": 0, "started_at_ms": NOW_MS,
        "spec": pb.NodeSpec(engine="storage", port=50051, storage_path=f"/data/{node_id}", memory_limit_mb=64),
        "sample": pb.NodeSample(at_ms=NOW_MS, cpu_percent=3.0, rss_bytes=44 << 20, uptime_ms=1000, threads=70),
    } | fields  # fmt: skip
    return pb.NodeStatus(node_id=node_id, **values)


def agent(agent_id: str = "agent-1", **fields: Any) -> pb.AgentRecord:
    values: dict[str, Any] = {
        "hostname": "host-1", "platform": "desktop", "status": "healthy", "max_storage_nodes": 10,
        "current_storage_nodes": 1, "last_heartbeat": NOW_MS // 1000, "version": "0.1.0", "host_id": "h1",
        "agent_endpoint": "127.0.0.1:7001", "heartbeat_interval_ms": 5000, "engines": ["storage"],
        "data_path": "/data", "host": pb.HostSample(cpu_count=2, memory_total_bytes=8 << 30, disk_free_bytes=5 << 30),
    } | fields  # fmt: skip
    return pb.AgentRecord(agent_id=agent_id, **values)


def cluster(**fields: Any) -> pb.ClusterStatus:
    values: dict[str, Any] = {
        "total_agents": 3, "healthy_agents": 3, "total_storage_nodes": 9, "running_storage_nodes": 9,
        "status": "healthy", "desired_storage_nodes": 9, "master_version": "0.1.0", "master_started_at_ms": NOW_MS,
    } | fields  # fmt: skip
    return pb.ClusterStatus(**values)
