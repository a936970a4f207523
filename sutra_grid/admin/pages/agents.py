"""``/ui/agents``: a list of agents with filters, sorting and pages."""

from __future__ import annotations

from typing import Final

from flask import Response

from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.models.agent_rows import agent_rows
from sutra_grid.admin.pages.models.list_links import headings, link
from sutra_grid.admin.pages.renderer import render_page
from sutra_grid.admin.pages.url_parameters import enum_or_none, flag_or_none, text_parameters
from sutra_grid.admin.services import registry
from sutra_grid.core.types import AgentStatus, Platform
from sutra_grid.registry import AgentQuery, AgentSort

PATH: Final = "/ui/agents"
PAGE_ROWS: Final = 50
PARAMETERS: Final = ("text", "status", "platform", "label", "drained", "sort", "desc", "cursor")


@blueprint.get("/agents")
def show_agents() -> Response:
    """Show the page."""
    chosen = text_parameters(PARAMETERS)
    page = registry().agent_page(
        AgentQuery(
            status=enum_or_none(AgentStatus, chosen["status"]),
            drained=flag_or_none(chosen["drained"]),
            platform=chosen["platform"],
            label=chosen["label"],
            text=chosen["text"],
            sort=enum_or_none(AgentSort, chosen["sort"]) or AgentSort.STATUS,
            descending=chosen["desc"] == "true",
            cursor=chosen["cursor"],
            limit=PAGE_ROWS,
        )
    )
    return render_page(
        "agents.html",
        section="agents",
        chosen=chosen,
        statuses=list(AgentStatus),
        platforms=list(Platform),
        rows=agent_rows(page.items),
        headings=headings(PATH, chosen, AgentSort, AgentSort.STATUS),
        next_page=link(PATH, chosen, cursor=page.next_cursor) if page.next_cursor else "",
        first_page=link(PATH, chosen, cursor="") if chosen["cursor"] else "",
    )
