"""``/nodes``: list, show, samples."""

from __future__ import annotations

from typing import Any

from flask import Response

from sutra_grid.admin.answering import answer, answer_unless_known
from sutra_grid.admin.finding import find_node
from sutra_grid.admin.links import master, registry
from sutra_grid.admin.operations import MASTER_PROBLEMS, NOT_MODIFIED, Answer, Operations
from sutra_grid.admin.schemas.answers import NodeList, NodeSampleList, NodeStatus
from sutra_grid.admin.schemas.requests import NodeFilter
from sutra_grid.admin.views import node_statuses
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import to_json

blueprint = Operations("nodes", __name__, url_prefix="/nodes", description="Storage processes")


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


@blueprint.operation("GET", "/<node_id>", Answer(NodeStatus, "The node"), NOT_MODIFIED)
def show_node(node_id: str) -> Response:
    """Show a node."""
    rows = registry()
    node = find_node(rows, node_id)
    agent = rows.agent(node.agent_id)
    [status] = node_statuses([node], [agent] if agent else [])
    return answer_unless_known(to_json(status))


@blueprint.operation(
    "GET",
    "/<node_id>/samples",
    Answer(NodeSampleList, "Measurements of its process, oldest first"),
    problems=MASTER_PROBLEMS,
)
def list_node_samples(node_id: str) -> Response:
    """List the last measurements that the agent keeps of a node."""
    return answer(master().read("ListNodeSamples", pb.NodeId(node_id=node_id), pb.NodeSampleList))
