"""``/ui/nodes``: a list of nodes with filters, sorting, pages, and commands for selected nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from flask import Response

from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.models.list_links import headings, link
from sutra_grid.admin.pages.models.list_size import PAGE_ROWS, page_sizes, size_text
from sutra_grid.admin.pages.models.node_rows import node_rows
from sutra_grid.admin.pages.renderer import render_page
from sutra_grid.admin.pages.url_parameters import is_filtered, list_query
from sutra_grid.admin.reads.grid_status import seen_at_ms
from sutra_grid.admin.reads.records import listed_node
from sutra_grid.admin.schemas.list_queries import NodeFilter
from sutra_grid.admin.services import registry
from sutra_grid.core.listed_status import ListedStatus
from sutra_grid.registry import NodeQuery, NodeSort

PATH: Final = "/ui/nodes"
#: Parameters that do not change which rows match.
NOT_FILTERS: Final = ("sort", "cursor", "limit")


@blueprint.get("/nodes")
def show_nodes() -> Response:
    """Show the page."""
    query: NodeQuery
    chosen, query = list_query(NodeFilter())
    query = replace(
        query,
        sort=query.sort if chosen["sort"] else NodeSort.STATUS,
        limit=query.limit if chosen["limit"] else PAGE_ROWS,
    )
    filtered = is_filtered(chosen, NOT_FILTERS)
    rows = registry()
    page = rows.node_page(query, seen_at_ms(), counted=True)
    is_unknown = bool(query.agent_id) and not page.total and rows.agent(query.agent_id) is None
    return render_page(
        "nodes.html",
        section="nodes",
        chosen=chosen,
        statuses=list(ListedStatus),
        rows=node_rows(map(listed_node, page.items), seen_at_ms()),
        headings=headings(PATH, chosen, NodeSort, NodeSort.STATUS),
        size=size_text(page.total, len(page.items), "node", filtered=filtered),
        filtered=filtered,
        unknown_agent=query.agent_id if is_unknown else "",
        page_sizes=page_sizes(query.limit),
        limit=query.limit,
        next_page=link(PATH, chosen, cursor=page.next_cursor) if page.next_cursor else "",
        first_page=link(PATH, chosen, cursor="") if chosen["cursor"] else "",
    )
