"""``/nodes``: list nodes, show a node and its measurements."""

from __future__ import annotations

from flask import Response

from sutra_grid.admin.api.message_response import message_response
from sutra_grid.admin.http.operations import MASTER_PROBLEMS, NOT_MODIFIED, Operations, ResponseSpec
from sutra_grid.admin.http.responses import LINK_HEADER, conditional_response, page_response
from sutra_grid.admin.reads.grid_status import as_of_ms, seen_at_ms
from sutra_grid.admin.reads.lookup import find_node
from sutra_grid.admin.reads.records import as_seen, listed_node
from sutra_grid.admin.schemas.list_queries import NodeFilter
from sutra_grid.admin.schemas.responses import NodeListSchema, NodeSampleList, NodeStatus
from sutra_grid.admin.services import master, registry
from sutra_grid.core.status import shown_node
from sutra_grid.registry import NodeQuery
from sutra_grid.wire.convert import node_status, to_json

blueprint = Operations("nodes", __name__, url_prefix="/nodes", description="Storage nodes")


@blueprint.operation(
    "GET", "", ResponseSpec(NodeListSchema, "A page of nodes", headers=LINK_HEADER), NOT_MODIFIED, query=NodeFilter
)
def list_nodes(query: NodeQuery) -> Response:
    """List nodes in pages."""
    page = registry().node_page(query, seen_at_ms(), counted=True)
    nodes = [to_json(listed_node(each)) for each in page.items]
    return page_response("nodes", nodes, page.next_cursor, page.total, as_of_ms())


@blueprint.operation("GET", "/<node_id>", ResponseSpec(NodeStatus, "The node"), NOT_MODIFIED)
def show_node(node_id: str) -> Response:
    """Show a node."""
    rows = registry()
    node = as_seen(find_node(rows, node_id))
    agent = rows.agent(node.agent_id)
    return conditional_response(to_json(node_status(node, shown_node(node, agent))))


@blueprint.operation(
    "GET",
    "/<node_id>/samples",
    ResponseSpec(NodeSampleList, "Measurements of the node's process, oldest first"),
    problems=MASTER_PROBLEMS,
)
def list_node_samples(node_id: str) -> Response:
    """List the latest measurements of a node, which its agent keeps."""
    return message_response(master().list_node_samples(node_id))
