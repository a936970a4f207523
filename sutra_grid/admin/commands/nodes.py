"""Commands for a node: start, stop, restart, remove. All raise ``GridError``."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sutra_grid.admin.upstream.master_link import MasterLink
from sutra_grid.client.caller import outcome
from sutra_grid.wire import grid_pb2 as pb


class NodeVerb(StrEnum):
    """A command for a node."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    REMOVE = "remove"


_METHODS: Final = {
    NodeVerb.START: "StartStorageNode",
    NodeVerb.RESTART: "RestartStorageNode",
    NodeVerb.REMOVE: "RemoveStorageNode",
}


def command_node(
    link: MasterLink, verb: NodeVerb, node_id: str, key: str, timeout_seconds: float | None = None
) -> pb.NodeStatus:
    """Send a command for a node. Returns the node after the change."""
    if verb is NodeVerb.STOP:
        stop = pb.StopRequest(node_id=node_id, request_id=key)
        return outcome(link.command("StopStorageNode", stop, pb.StopResponse, timeout_seconds))
    request = pb.NodeCommand(node_id=node_id, request_id=key)
    return outcome(link.command(_METHODS[verb], request, pb.NodeResult, timeout_seconds))
