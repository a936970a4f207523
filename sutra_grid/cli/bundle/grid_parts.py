"""Collects from the master: agents, nodes, events, and the ends of the nodes' logs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sutra_grid.cli.bundle.archive import Archive
from sutra_grid.cli.output.formats import message_to_dict
from sutra_grid.client.master_client import MasterClient
from sutra_grid.core.errors import GridError
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.connection import PeerUnreachable

EVENTS_PAGE: Final = 1000
MAX_LOG_BYTES: Final = 1024 * 1024
LOG_SECONDS: Final = 5.0

_FROM: Final = "master"


def add_grid(archive: Archive, client: MasterClient, log_lines: int) -> None:
    """Add everything from the master. If it can't be reached, that is one missing part."""
    try:
        cluster = client.cluster_status()
    except PeerUnreachable as error:
        archive.miss("grid", str(error))
        return
    except GridError as error:
        archive.miss("grid/status.json", str(error))
    else:
        archive.add("grid/status.json", _FROM, lambda: message_to_dict(cluster))
    archive.add("grid/agents.json", _FROM, lambda: message_to_dict(client.list_agents()))
    archive.add("grid/events.json", _FROM, lambda: message_to_dict(_events(client)))
    nodes: list[pb.NodeStatus] = []

    def list_nodes() -> dict[str, Any]:
        answer = client.list_nodes()
        nodes.extend(answer.nodes)
        return message_to_dict(answer)

    archive.add("grid/nodes.json", _FROM, list_nodes)
    _add_logs(archive, client, nodes, log_lines)


def _add_logs(archive: Archive, client: MasterClient, nodes: Sequence[pb.NodeStatus], log_lines: int) -> None:
    """Add the end of each node's log. An agent that can't be reached is called once, not for each of its nodes."""
    unreachable: dict[str, str] = {}
    for node in sorted(nodes, key=lambda node: (node.agent_id, node.node_id)):
        name = f"logs/{node.node_id}.log"
        if node.agent_id in unreachable:
            archive.miss(name, unreachable[node.agent_id])
        elif not archive.add(name, f"agent {node.agent_id}", _log_reader(client, node.node_id, log_lines)):
            why = archive.manifest.missing[-1]["why"]
            if why.startswith(("unavailable", "deadline_exceeded")):
                unreachable[node.agent_id] = why


def _log_reader(client: MasterClient, node_id: str, log_lines: int) -> Callable[[], str]:
    def read() -> str:
        request = pb.LogRequest(node_id=node_id, tail_lines=log_lines, max_bytes=MAX_LOG_BYTES)
        chunk = client.read_node_log(request, timeout_seconds=LOG_SECONDS)
        return chunk.data.decode("utf-8", "replace")

    return read


def _events(client: MasterClient) -> pb.EventList:
    """The newest events that one call may ask for."""
    return client.list_events(pb.ListEventsRequest(limit=EVENTS_PAGE))
