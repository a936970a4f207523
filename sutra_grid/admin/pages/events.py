"""``/ui/events``: a list of events, newest first, with filters and pages."""

from __future__ import annotations

from typing import Final

from flask import Response

from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.models.event_rows import KINDS, event_rows
from sutra_grid.admin.pages.models.list_links import link
from sutra_grid.admin.pages.renderer import POLL_SECONDS, now_ms, render_page
from sutra_grid.admin.pages.url_parameters import text_parameters
from sutra_grid.admin.services import registry
from sutra_grid.registry import EventQuery

PATH: Final = "/ui/events"
PAGE_ROWS: Final = 100
PARAMETERS: Final = ("kind", "agent_id", "node_id", "before")


@blueprint.get("/events")
def show_events() -> Response:
    """Show the page. Only the page of the newest events is polled."""
    chosen = text_parameters(PARAMETERS)
    before = int(chosen["before"]) if chosen["before"].isascii() and chosen["before"].isdecimal() else 0
    events = registry().event_page(
        EventQuery(
            before_event_id=min(before, 2**63 - 1),
            agent_id=chosen["agent_id"],
            node_id=chosen["node_id"],
            kind=chosen["kind"],
            limit=PAGE_ROWS,
        )
    )
    return render_page(
        "events.html",
        section="events",
        poll_seconds=0 if before else POLL_SECONDS,
        chosen=chosen,
        kinds=KINDS,
        events=event_rows(events, now_ms()),
        older=link(PATH, chosen, before=str(events[0].event_id)) if len(events) == PAGE_ROWS else "",
        newest=link(PATH, chosen, before="") if before else "",
    )
