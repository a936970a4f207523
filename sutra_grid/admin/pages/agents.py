"""``/ui/agents``: the agents, filtered, sorted, page by page."""

from __future__ import annotations

from typing import Final

from flask import Response

from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.models.agent_rows import agent_rows
from sutra_grid.admin.pages.models.list_links import headings, link
from sutra_grid.admin.pages.renderer import show
from sutra_grid.admin.pages.url_parameters import chosen_texts, flag_or_none, member_or_none
from sutra_grid.admin.services import registry
from sutra_grid.core.types import AgentStatus, Platform
from sutra_grid.registry import AgentQuery, AgentSort

PATH: Final = "/ui/agents"
PAGE_ROWS: Final = 50
CHOICES: Final = ("text", "status", "platform", "label", "drained", "sort", "desc", "cursor")


@blueprint.get("/agents")
def show_agents() -> Response:
    """The page."""
    chosen = chosen_texts(CHOICES)
    page = registry().agent_page(
        AgentQuery(
            status=member_or_none(AgentStatus, chosen["status"]),
            drained=flag_or_none(chosen["drained"]),
            platform=chosen["platform"],
            label=chosen["label"],
            text=chosen["text"],
            sort=member_or_none(AgentSort, chosen["sort"]) or AgentSort.STATUS,
            descending=chosen["desc"] == "true",
            cursor=chosen["cursor"],
            limit=PAGE_ROWS,
        )
    )
    return show(
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
