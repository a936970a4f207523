"""``/ui/agents``: a list of agents with filters, sorting and pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from flask import Response

from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.models.agent_rows import agent_rows
from sutra_grid.admin.pages.models.list_links import headings, link
from sutra_grid.admin.pages.models.list_size import PAGE_ROWS, page_sizes, size_text
from sutra_grid.admin.pages.renderer import render_page
from sutra_grid.admin.pages.url_parameters import is_filtered, list_query
from sutra_grid.admin.schemas.list_queries import AgentFilter
from sutra_grid.admin.services import registry
from sutra_grid.core.platforms import KNOWN_PLATFORMS
from sutra_grid.core.types import AgentStatus
from sutra_grid.registry import AgentQuery, AgentSort

PATH: Final = "/ui/agents"
#: Parameters that do not change which rows match.
NOT_FILTERS: Final = ("sort", "cursor", "limit")


@blueprint.get("/agents")
def show_agents() -> Response:
    """Show the page."""
    query: AgentQuery
    chosen, query = list_query(AgentFilter())
    query = replace(
        query,
        sort=query.sort if chosen["sort"] else AgentSort.STATUS,
        limit=query.limit if chosen["limit"] else PAGE_ROWS,
    )
    filtered = is_filtered(chosen, NOT_FILTERS)
    page = registry().agent_page(query, counted=True)
    return render_page(
        "agents.html",
        section="agents",
        chosen=chosen,
        statuses=list(AgentStatus),
        platforms=[*KNOWN_PLATFORMS, *sorted(registry().platforms() - set(KNOWN_PLATFORMS))],
        rows=agent_rows(page.items),
        headings=headings(PATH, chosen, AgentSort, AgentSort.STATUS),
        size=size_text(page.total, len(page.items), "agent", filtered=filtered),
        filtered=filtered,
        page_sizes=page_sizes(query.limit),
        limit=query.limit,
        next_page=link(PATH, chosen, cursor=page.next_cursor) if page.next_cursor else "",
        first_page=link(PATH, chosen, cursor="") if chosen["cursor"] else "",
    )
