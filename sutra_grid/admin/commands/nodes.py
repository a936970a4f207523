"""Commands for a node: start, stop, restart, remove. All raise ``GridError``."""

from __future__ import annotations

from enum import StrEnum

from sutra_grid.client.master_client import MasterClient
from sutra_grid.client.outcome import outcome
from sutra_grid.wire import grid_pb2 as pb


class NodeVerb(StrEnum):
    """A command for a node."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    REMOVE = "remove"


def command_node(
    client: MasterClient, verb: NodeVerb, node_id: str, key: str, timeout_seconds: float | None = None
) -> pb.NodeStatus:
    """Send a command for a node. Returns the node after the change."""
    match verb:
        case NodeVerb.START:
            return outcome(client.start_node(node_id, key=key, timeout_seconds=timeout_seconds))
        case NodeVerb.STOP:
            return outcome(client.stop_node(node_id, key=key, timeout_seconds=timeout_seconds))
        case NodeVerb.RESTART:
            return outcome(client.restart_node(node_id, key=key, timeout_seconds=timeout_seconds))
        case NodeVerb.REMOVE:
            return outcome(client.remove_node(node_id, key=key, timeout_seconds=timeout_seconds))
