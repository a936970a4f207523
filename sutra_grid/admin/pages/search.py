"""``/ui/search``: agents and nodes found by a part of an id, a host, an engine or an endpoint; or by an exact id."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from flask import Response, make_response, redirect

from sutra_grid.admin.http.fields import Text
from sutra_grid.admin.http.proxies import at_root
from sutra_grid.admin.http.schemas import RequestSchema
from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.models.agent_rows import agent_rows
from sutra_grid.admin.pages.models.list_size import size_text
from sutra_grid.admin.pages.models.node_rows import node_rows
from sutra_grid.admin.pages.renderer import render_page
from sutra_grid.admin.pages.url_parameters import list_query
from sutra_grid.admin.reads.grid_status import seen_at_ms
from sutra_grid.admin.reads.records import listed_node
from sutra_grid.admin.schemas.requests import MAX_NAME_CHARACTERS
from sutra_grid.admin.services import registry
from sutra_grid.registry import AgentQuery, NodeQuery, Registry

SHOWN_AGENTS: Final = 8
SHOWN_NODES: Final = 12
#: A search for a port in a large grid reads many rows.
SEARCH_POLL_SECONDS: Final = 10


class SearchQuery(RequestSchema):
    """What to search for."""

    q = Text("A part of an id, a host name, an engine or an endpoint, or a port", max_characters=MAX_NAME_CHARACTERS)


@blueprint.get("/search")
def search() -> Response:
    """Show what matches, or go to the only agent or node with that id."""
    chosen, _ = list_query(SearchQuery())
    text, rows = chosen["q"], registry()
    if url := _page_of_id(rows, text):
        return make_response(redirect(at_root(url)))
    if not text:
        return render_page("search.html", text="", poll_seconds=0)
    agents = rows.agent_page(AgentQuery(text=text, limit=SHOWN_AGENTS), counted=True)
    nodes = rows.node_page(NodeQuery(text=text, limit=SHOWN_NODES), seen_at_ms(), counted=True)
    return render_page(
        "search.html",
        poll_seconds=SEARCH_POLL_SECONDS,
        text=text,
        searched=text,
        agents=agent_rows(agents.items),
        agents_size=size_text(agents.total, len(agents.items), "agent", filtered=True),
        has_more_agents=agents.total > len(agents.items),
        rows=node_rows(map(listed_node, nodes.items), seen_at_ms()),
        nodes_size=size_text(nodes.total, len(nodes.items), "node", filtered=True),
        has_more_nodes=nodes.total > len(nodes.items),
        was_removed=rows.was_removed(text),
    )


def _page_of_id(rows: Registry, text: str) -> str:
    """The page of the agent or the node with this id; empty when there is none, or one of each."""
    if not text:
        return ""
    found = [
        f"/ui/{kind}/{quote(text, safe='')}"
        for kind, one in (("agents", rows.agent(text)), ("nodes", rows.node(text)))
        if one
    ]
    return found[0] if len(found) == 1 else ""
