"""Events and the summary of the cluster on the wire."""

from __future__ import annotations

from sutra_grid.core.event_kinds import event_kind
from sutra_grid.core.types import Actor, ClusterHealth, ClusterSummary, Event
from sutra_grid.wire import grid_pb2
from sutra_grid.wire.enums import member, reason_or_none
from sutra_grid.wire.text import utf8


def event_to_message(event: Event) -> grid_pb2.Event:
    """The event as a message."""
    return grid_pb2.Event(
        event_id=event.event_id,
        at_ms=event.at_ms,
        kind=event.kind,
        agent_id=event.agent_id,
        node_id=event.node_id,
        reason=event.reason,
        message=utf8(event.message),
        actor=event.actor,
    )


def event_from_message(message: grid_pb2.Event) -> Event:
    """The event of a message. Raises ``InvalidArgument`` for an unknown actor."""
    return Event(
        event_id=message.event_id,
        at_ms=message.at_ms,
        kind=event_kind(message.kind),
        agent_id=message.agent_id,
        node_id=message.node_id,
        reason=reason_or_none(message.reason),
        message=message.message,
        actor=member(Actor, message.actor, "Event.actor"),
    )


def cluster_summary_to_message(
    summary: ClusterSummary, *, master_version: str = "", master_started_at_ms: int = 0
) -> grid_pb2.ClusterStatus:
    """The summary as a message; a reader of the registry knows no master and leaves its fields empty."""
    return grid_pb2.ClusterStatus(
        status=summary.status,
        total_agents=summary.total_agents,
        healthy_agents=summary.healthy_agents,
        degraded_agents=summary.degraded_agents,
        offline_agents=summary.offline_agents,
        total_storage_nodes=summary.total_storage_nodes,
        running_storage_nodes=summary.running_storage_nodes,
        desired_storage_nodes=summary.desired_storage_nodes,
        failed_storage_nodes=summary.failed_storage_nodes,
        unknown_storage_nodes=summary.unknown_storage_nodes,
        reasons=summary.reasons,
        master_version=master_version,
        master_started_at_ms=master_started_at_ms,
    )


def cluster_summary_from_message(message: grid_pb2.ClusterStatus) -> ClusterSummary:
    """The summary of a message. Raises ``InvalidArgument`` for an unknown status."""
    return ClusterSummary(
        status=member(ClusterHealth, message.status, "ClusterStatus.status"),
        total_agents=message.total_agents,
        healthy_agents=message.healthy_agents,
        degraded_agents=message.degraded_agents,
        offline_agents=message.offline_agents,
        total_storage_nodes=message.total_storage_nodes,
        running_storage_nodes=message.running_storage_nodes,
        desired_storage_nodes=message.desired_storage_nodes,
        failed_storage_nodes=message.failed_storage_nodes,
        unknown_storage_nodes=message.unknown_storage_nodes,
        reasons=tuple(message.reasons),
    )
