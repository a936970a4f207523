"""Events and the summary of the cluster on the wire."""

from __future__ import annotations

from sutra_grid.core.types import ClusterSummary, Event
from sutra_grid.wire import grid_pb2
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
        actor_name=utf8(event.actor_name),
        actor_address=utf8(event.actor_address),
    )


def cluster_summary_to_message(
    summary: ClusterSummary,
    *,
    master_version: str = "",
    master_started_at_ms: int = 0,
    insecure: bool = False,
    insecure_agents: int = 0,
    insecure_master: bool = False,
) -> grid_pb2.ClusterStatus:
    """The summary as a message; a reader of the registry leaves the master's fields empty.

    ``insecure``: others reach the server that answers, and it has no TLS; ``insecure_agents`` counts agents of that
    kind, and ``insecure_master`` is what an admin knows of the master.
    """
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
        unhealthy_storage_nodes=summary.unhealthy_storage_nodes,
        unstable_storage_nodes=summary.unstable_storage_nodes,
        reasons=summary.reasons,
        master_version=master_version,
        master_started_at_ms=master_started_at_ms,
        as_of_ms=summary.as_of_ms,
        insecure=insecure,
        insecure_agents=insecure_agents,
        insecure_master=insecure_master,
    )
