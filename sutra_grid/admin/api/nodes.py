"""``/nodes``: list, show, spawn, start, stop, restart, remove."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Response, url_for

from sutra_grid.admin.answering import answer
from sutra_grid.admin.links import master, registry
from sutra_grid.admin.operations import COMMAND_PROBLEMS, Answer, Operations
from sutra_grid.admin.parsing import refused
from sutra_grid.admin.schemas.answers import NodeList, NodeStatus
from sutra_grid.admin.schemas.requests import KEY_HEADER, NodeFilter, Spawn
from sutra_grid.admin.views import node_statuses
from sutra_grid.core.errors import Internal, NotFound
from sutra_grid.core.types import Reason
from sutra_grid.registry import Registry
from sutra_grid.wire import errors as wire_errors
from sutra_grid.wire import grid_pb2 as pb

blueprint = Operations("nodes", __name__, url_prefix="/nodes", description="Storage processes")

ONE = Answer(NodeStatus, "The node")
SPAWNED = Answer(
    NodeStatus,
    "The node; its process runs",
    status=HTTPStatus.CREATED,
    headers={"Location": {"description": "Path of the node", "schema": {"type": "string"}}},
)


@blueprint.operation("GET", "", Answer(NodeList, "The nodes, by id"), query=NodeFilter)
def list_nodes(query: dict[str, Any]) -> Response:
    """List nodes."""
    rows = registry()
    nodes = node_statuses(rows.nodes(query.get("agent_id")), rows.agents())
    if "status" in query:
        nodes = [node for node in nodes if node.status == query["status"]]
    if "engine" in query:
        nodes = [node for node in nodes if node.spec.engine == query["engine"]]
    return answer(pb.NodeList(nodes=nodes))


@blueprint.operation("GET", "/<node_id>", ONE)
def show_node(node_id: str) -> Response:
    """Show a node."""
    rows = registry()
    node = rows.node(node_id)
    if node is None:
        raise _missing(rows, node_id)
    agent = rows.agent(node.agent_id)
    [status] = node_statuses([node], [agent] if agent else [])
    return answer(status)


@blueprint.operation("POST", "", SPAWNED, body=Spawn, takes_key=True, problems=COMMAND_PROBLEMS)
def spawn_node(body: dict[str, Any], key: str) -> Response:
    """Spawn a node; answers once its process runs.

    Any other answer than 201 says that no process of it is left running.
    """
    request_id = _one_key(key, body.pop("request_id", ""))
    spawned = master().command("SpawnStorageNode", pb.SpawnRequest(request_id=request_id, **body), pb.SpawnResponse)
    node = _node_of(spawned)
    return answer(node, HTTPStatus.CREATED, Location=url_for("nodes.show_node", node_id=node.node_id))


@blueprint.operation("POST", "/<node_id>/start", ONE, takes_key=True, problems=COMMAND_PROBLEMS)
def start_node(node_id: str, key: str) -> Response:
    """Have a node run; also ends the back-off or the failure of one that crashed."""
    return _changed("StartStorageNode", pb.NodeCommand(node_id=node_id, request_id=key), pb.NodeResult)


@blueprint.operation("POST", "/<node_id>/stop", ONE, takes_key=True, problems=COMMAND_PROBLEMS)
def stop_node(node_id: str, key: str) -> Response:
    """End a node's process and keep it so; its data stays."""
    return _changed("StopStorageNode", pb.StopRequest(node_id=node_id, request_id=key), pb.StopResponse)


@blueprint.operation("POST", "/<node_id>/restart", ONE, takes_key=True, problems=COMMAND_PROBLEMS)
def restart_node(node_id: str, key: str) -> Response:
    """Stop and start a node's process once."""
    return _changed("RestartStorageNode", pb.NodeCommand(node_id=node_id, request_id=key), pb.NodeResult)


@blueprint.operation(
    "DELETE", "/<node_id>", Answer(NodeStatus, "The node as it was last"), takes_key=True, problems=COMMAND_PROBLEMS
)
def remove_node(node_id: str, key: str) -> Response:
    """Stop a node and forget it; its data and log stay on the host."""
    return _changed("RemoveStorageNode", pb.NodeCommand(node_id=node_id, request_id=key), pb.NodeResult)


def _changed(method: str, command: Any, kind: type[pb.NodeResult] | type[pb.StopResponse]) -> Response:
    return answer(_node_of(master().command(method, command, kind)))


def _one_key(of_header: str, of_body: str) -> str:
    """The client's request id: of the header, or of the body."""
    if of_header and of_body and of_header != of_body:
        raise refused([f"{KEY_HEADER} and request_id differ"], hint="Send one of them")
    return of_header or of_body


def _node_of(result: pb.SpawnResponse | pb.StopResponse | pb.NodeResult) -> pb.NodeStatus:
    """The node of an answer that says success; raises the refusal otherwise."""
    if result.success:
        return result.node
    if result.HasField("error"):
        raise wire_errors.from_detail(result.error)
    raise Internal(result.error_message or "the master refused and did not say why")


def _missing(rows: Registry, node_id: str) -> NotFound:
    hint = "GET /nodes lists those that there are"
    if node_id in rows.tombstones():
        return NotFound(f"node {node_id} was removed", reason=Reason.NODE_REMOVED, hint=hint)
    return NotFound(f"there is no node {node_id}", reason=Reason.UNKNOWN_NODE, hint=hint)
