"""``/ui/nodes``: a list of nodes with filters, sorting, pages, and commands for selected nodes."""

from __future__ import annotations

from typing import Final

from flask import Response

from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.models.list_links import headings, link
from sutra_grid.admin.pages.models.node_rows import node_rows
from sutra_grid.admin.pages.renderer import now_ms, render_page
from sutra_grid.admin.pages.url_parameters import enum_or_none, flag_or_none, text_parameters
from sutra_grid.admin.services import registry
from sutra_grid.core.types import NodeStatus
from sutra_grid.registry import NodeQuery, NodeSort
from sutra_grid.wire.convert import node_status

PATH: Final = "/ui/nodes"
PAGE_ROWS: Final = 50
PARAMETERS: Final = ("text", "status", "engine", "agent_id", "attention", "sort", "desc", "cursor")


@blueprint.get("/nodes")
def show_nodes() -> Response:
    """Show the page."""
    chosen = text_parameters(PARAMETERS)
    page = registry().node_page(
        NodeQuery(
            agent_id=chosen["agent_id"],
            status=enum_or_none(NodeStatus, chosen["status"]),
            engine=chosen["engine"],
            text=chosen["text"],
            attention=flag_or_none(chosen["attention"]),
            sort=enum_or_none(NodeSort, chosen["sort"]) or NodeSort.STATUS,
            descending=chosen["desc"] == "true",
            cursor=chosen["cursor"],
            limit=PAGE_ROWS,
        )
    )
    return render_page(
        "nodes.html",
        section="nodes",
        chosen=chosen,
        statuses=list(NodeStatus),
        rows=node_rows((node_status(*each) for each in page.items), now_ms()),
        headings=headings(PATH, chosen, NodeSort, NodeSort.STATUS),
        next_page=link(PATH, chosen, cursor=page.next_cursor) if page.next_cursor else "",
        first_page=link(PATH, chosen, cursor="") if chosen["cursor"] else "",
    )
