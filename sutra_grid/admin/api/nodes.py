"""``/nodes``: list, show, spawn, start, stop, restart, remove, logs."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, jsonify, request, url_for

from sutra_grid.admin.inputs import Field, Text, Whole, read_body, read_idempotency_key, read_query
from sutra_grid.admin.links import master, registry
from sutra_grid.admin.views import node_statuses
from sutra_grid.core.errors import Internal, NotFound
from sutra_grid.core.types import NodeStatus, Reason
from sutra_grid.registry import Registry
from sutra_grid.wire import errors as wire_errors
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import to_json

blueprint = Blueprint("nodes", __name__, url_prefix="/nodes")

MAX_PORT = 65_535
MAX_MEMORY_LIMIT_MB = 2**40
MAX_LOG_LINES = 100_000
MAX_LOG_BYTES = 1 << 20
DEFAULT_LOG_LINES = 100

SPAWN_FIELDS: list[Field] = [
    Text("agent_id"),
    Text("storage_path"),
    Whole("memory_limit_mb", 0, MAX_MEMORY_LIMIT_MB),
    Whole("port", 0, MAX_PORT),
    Text("engine"),
    Text("request_id"),
]
FILTERS: list[Field] = [
    Text("agent_id"),
    Text("status", choices=[status.value for status in NodeStatus]),
    Text("engine"),
]
LOG_FIELDS: list[Field] = [Whole("tail_lines", 0, MAX_LOG_LINES), Text("cursor"), Whole("max_bytes", 0, MAX_LOG_BYTES)]


@blueprint.get("")
def list_nodes() -> Response:
    """A ``NodeList``, by node id."""
    chosen = read_query(FILTERS)
    rows = registry()
    nodes = node_statuses(rows.nodes(chosen.get("agent_id")), rows.agents())
    if "status" in chosen:
        nodes = [node for node in nodes if node.status == chosen["status"]]
    if "engine" in chosen:
        nodes = [node for node in nodes if node.spec.engine == chosen["engine"]]
    return jsonify(to_json(pb.NodeList(nodes=nodes)))


@blueprint.get("/<node_id>")
def show_node(node_id: str) -> Response:
    """A ``NodeStatus``."""
    read_query([])
    rows = registry()
    node = rows.node(node_id)
    if node is None:
        raise _missing(rows, node_id)
    agent = rows.agent(node.agent_id)
    [status] = node_statuses([node], [agent] if agent else [])
    return jsonify(to_json(status))


@blueprint.get("/<node_id>/logs")
def show_logs(node_id: str) -> Response:
    """A ``LogChunk`` with its data as text; or, if text is what the client takes, just the log."""
    chosen = read_query(LOG_FIELDS)
    if "cursor" not in chosen:
        chosen.setdefault("tail_lines", DEFAULT_LOG_LINES)
    chunk = master().read("ReadNodeLog", pb.LogRequest(node_id=node_id, **chosen), pb.LogChunk)
    text = chunk.data.decode("utf-8", "replace")
    if request.accept_mimetypes.best_match(["application/json", "text/plain"]) == "text/plain":
        return Response(text, content_type="text/plain; charset=utf-8")
    return jsonify({**to_json(chunk), "data": text})


@blueprint.post("")
def spawn_node() -> tuple[Response, int, dict[str, str]]:
    """Start a new node; answers its ``NodeStatus`` once it runs. The body has the fields of ``SpawnRequest``."""
    read_query([])
    body = read_body(SPAWN_FIELDS)
    request_id = read_idempotency_key(body.pop("request_id", ""))
    answer = master().command("SpawnStorageNode", pb.SpawnRequest(request_id=request_id, **body), pb.SpawnResponse)
    node = _node_of(answer)
    location = url_for("nodes.show_node", node_id=node.node_id)
    return jsonify(to_json(node)), HTTPStatus.CREATED, {"Location": location}


@blueprint.post("/<node_id>/start")
def start_node(node_id: str) -> Response:
    """Have it run; also ends the back-off or the failure of one that crashed."""
    return _changed("StartStorageNode", pb.NodeCommand(node_id=node_id, request_id=_request_id()), pb.NodeResult)


@blueprint.post("/<node_id>/stop")
def stop_node(node_id: str) -> Response:
    """End its process and keep it so; its data stays."""
    return _changed("StopStorageNode", pb.StopRequest(node_id=node_id, request_id=_request_id()), pb.StopResponse)


@blueprint.post("/<node_id>/restart")
def restart_node(node_id: str) -> Response:
    """Stop and start its process once."""
    return _changed("RestartStorageNode", pb.NodeCommand(node_id=node_id, request_id=_request_id()), pb.NodeResult)


@blueprint.delete("/<node_id>")
def remove_node(node_id: str) -> Response:
    """Stop it and forget it; its data and log stay on the host. Answers the node as it was last."""
    return _changed("RemoveStorageNode", pb.NodeCommand(node_id=node_id, request_id=_request_id()), pb.NodeResult)


def _changed(method: str, command: Any, answer: type[pb.NodeResult] | type[pb.StopResponse]) -> Response:
    return jsonify(to_json(_node_of(master().command(method, command, answer))))


def _request_id() -> str:
    """Of a command that takes no parameters and no body."""
    read_query([])
    read_body([])
    return read_idempotency_key()


def _node_of(answer: pb.SpawnResponse | pb.StopResponse | pb.NodeResult) -> pb.NodeStatus:
    """The node of an answer that says success; raises the refusal otherwise."""
    if answer.success:
        return answer.node
    if answer.HasField("error"):
        raise wire_errors.from_detail(answer.error)
    raise Internal(answer.error_message or "the master refused and did not say why")


def _missing(rows: Registry, node_id: str) -> NotFound:
    hint = "GET /nodes lists those that there are"
    if node_id in rows.tombstones():
        return NotFound(f"node {node_id} was removed", reason=Reason.NODE_REMOVED, hint=hint)
    return NotFound(f"there is no node {node_id}", reason=Reason.UNKNOWN_NODE, hint=hint)
