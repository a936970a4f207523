"""Agents on the wire: what an agent registers with, and the record that clients see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sutra_grid.core.agent.insecure import told_insecure
from sutra_grid.core.samples import DiskSample, HostSample
from sutra_grid.core.types import Agent, Desired, Node, NodeReport
from sutra_grid.wire import grid_pb2
from sutra_grid.wire.convert.nodes import node_report_to_message, node_status
from sutra_grid.wire.text import utf8

if TYPE_CHECKING:
    from sutra_grid.core.status import ShownStatus

DEFAULT_HEARTBEAT_INTERVAL_MS = 5_000
"""For a client that sends no interval: that of the first published protocol."""


def host_sample_to_message(sample: HostSample) -> grid_pb2.HostSample:
    """The sample as a message."""
    return grid_pb2.HostSample(
        at_ms=sample.at_ms,
        cpu_percent=sample.cpu_percent,
        cpu_count=sample.cpu_count,
        memory_total_bytes=sample.memory_total_bytes,
        memory_available_bytes=sample.memory_available_bytes,
        disk_total_bytes=sample.disk_total_bytes,
        disk_free_bytes=sample.disk_free_bytes,
        load_average_1m=sample.load_average_1m,
        disk_reserve_bytes=sample.disk_reserve_bytes,
        disks=[
            grid_pb2.DiskSample(
                uses=disk.uses, path=utf8(disk.path), total_bytes=disk.total_bytes, free_bytes=disk.free_bytes
            )
            for disk in sample.disks
        ],
    )


def host_sample_from_message(message: grid_pb2.HostSample) -> HostSample:
    """The sample of a message."""
    return HostSample(
        at_ms=message.at_ms,
        cpu_percent=message.cpu_percent,
        cpu_count=message.cpu_count,
        memory_total_bytes=message.memory_total_bytes,
        memory_available_bytes=message.memory_available_bytes,
        disk_total_bytes=message.disk_total_bytes,
        disk_free_bytes=message.disk_free_bytes,
        load_average_1m=message.load_average_1m,
        disk_reserve_bytes=message.disk_reserve_bytes,
        disks=tuple(
            DiskSample(tuple(disk.uses), disk.path, disk.total_bytes, disk.free_bytes) for disk in message.disks
        ),
    )


def agent_to_info(agent: Agent, reports: Iterable[NodeReport] = ()) -> grid_pb2.AgentInfo:
    """What an agent registers with; its session is its last one. Status and times are the master's, and not sent."""
    return grid_pb2.AgentInfo(
        agent_id=agent.agent_id,
        hostname=agent.hostname,
        platform=agent.platform,
        max_storage_nodes=agent.max_storage_nodes,
        version=agent.version,
        agent_endpoint=agent.endpoint,
        host_id=agent.host_id,
        instance_id=agent.instance_id,
        heartbeat_interval_ms=agent.heartbeat_interval_ms,
        host=host_sample_to_message(agent.host) if agent.host else None,
        nodes=[node_report_to_message(report) for report in reports],
        engines=agent.engines,
        labels=dict(agent.labels),
        data_path=agent.data_path,
        session_id=agent.session_id,
        state_path=agent.state_path,
        insecure=agent.insecure,
    )


def agent_from_info(message: grid_pb2.AgentInfo) -> Agent:
    """The agent that registers, with its last session. Status and times, which the master decides, have defaults.

    The reports in ``message.nodes`` are converted separately.
    """
    return Agent(
        agent_id=message.agent_id,
        hostname=message.hostname,
        platform=message.platform,
        max_storage_nodes=message.max_storage_nodes,
        version=message.version,
        endpoint=message.agent_endpoint,
        host_id=message.host_id,
        instance_id=message.instance_id,
        heartbeat_interval_ms=message.heartbeat_interval_ms or DEFAULT_HEARTBEAT_INTERVAL_MS,
        engines=tuple(message.engines),
        labels=dict(message.labels),
        data_path=message.data_path,
        host=host_sample_from_message(message.host) if message.HasField("host") else None,
        session_id=message.session_id,
        state_path=message.state_path,
        insecure=told_insecure(message.insecure),
    )


def agent_record(agent: Agent, nodes_with_status: Sequence[tuple[Node, ShownStatus]]) -> grid_pb2.AgentRecord:
    """An agent as clients see it. Nodes that are being removed occupy no slot and are not counted."""
    return grid_pb2.AgentRecord(
        agent_id=agent.agent_id,
        hostname=agent.hostname,
        platform=agent.platform,
        status=agent.status,
        max_storage_nodes=agent.max_storage_nodes,
        current_storage_nodes=sum(node.desired != Desired.ABSENT for node, _ in nodes_with_status),
        last_heartbeat=agent.last_heartbeat_ms // 1000,
        storage_nodes=[node_status(node, shown) for node, shown in nodes_with_status],
        version=agent.version,
        agent_endpoint=agent.endpoint,
        drained=agent.drained,
        reason=agent.reason,
        message=agent.message,
        status_since_ms=agent.status_since_ms,
        registered_at_ms=agent.registered_at_ms,
        host_id=agent.host_id,
        host=host_sample_to_message(agent.host) if agent.host else None,
        engines=agent.engines,
        labels=dict(agent.labels),
        data_path=agent.data_path,
        heartbeat_interval_ms=agent.heartbeat_interval_ms,
        state_path=agent.state_path,
        reachability=agent.reachability.state,
        reachability_reason=agent.reachability.reason,
        reachability_message=agent.reachability.message,
        reachability_since_ms=agent.reachability.since_ms,
        insecure=agent.insecure,
    )
