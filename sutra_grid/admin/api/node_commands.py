"""``/nodes/ID/start|stop|restart`` and ``DELETE /nodes/ID``: commands for a node."""

from __future__ import annotations

from typing import Any

from flask import Response

from sutra_grid.admin.api.message_response import message_response
from sutra_grid.admin.commands.nodes import NodeVerb, command_node
from sutra_grid.admin.commands.readiness import run_and_wait, thread_slot_for
from sutra_grid.admin.http.operations import COMMAND_PROBLEMS, Operations, ResponseSpec
from sutra_grid.admin.schemas.requests import CommandQuery, RunQuery
from sutra_grid.admin.schemas.responses import NodeStatus
from sutra_grid.admin.services import master
from sutra_grid.wire import grid_pb2 as pb

blueprint = Operations("node commands", __name__, url_prefix="/nodes", description="Commands for a node")

ONE = ResponseSpec(NodeStatus, "The node after the command")


@blueprint.operation("POST", "/<node_id>/start", ONE, query=RunQuery, takes_key=True, problems=COMMAND_PROBLEMS)
def start_node(node_id: str, query: dict[str, Any], key: str) -> Response:
    """Start a node. For a crashed node this ends the back-off or the failed state."""
    return _run(NodeVerb.START, node_id, query, key)


@blueprint.operation("POST", "/<node_id>/restart", ONE, query=RunQuery, takes_key=True, problems=COMMAND_PROBLEMS)
def restart_node(node_id: str, query: dict[str, Any], key: str) -> Response:
    """Stop a node's process and start it again."""
    return _run(NodeVerb.RESTART, node_id, query, key)


@blueprint.operation("POST", "/<node_id>/stop", ONE, query=CommandQuery, takes_key=True, problems=COMMAND_PROBLEMS)
def stop_node(node_id: str, query: dict[str, Any], key: str) -> Response:
    """Stop a node's process and keep it stopped. Its data stays."""
    return message_response(command_node(master(), NodeVerb.STOP, node_id, key, query.get("timeout")))


@blueprint.operation(
    "DELETE",
    "/<node_id>",
    ResponseSpec(NodeStatus, "The node in its last state"),
    query=CommandQuery,
    takes_key=True,
    problems=COMMAND_PROBLEMS,
)
def remove_node(node_id: str, query: dict[str, Any], key: str) -> Response:
    """Stop a node and remove it. Its data and log stay on the host."""
    return message_response(command_node(master(), NodeVerb.REMOVE, node_id, key, query.get("timeout")))


def _run(verb: NodeVerb, node_id: str, query: dict[str, Any], key: str) -> Response:
    client = master()

    def command(timeout_seconds: float | None) -> pb.NodeStatus:
        return command_node(client, verb, node_id, key, timeout_seconds)

    with thread_slot_for(query):
        return message_response(run_and_wait(client, command, query))
