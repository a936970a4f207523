"""``/ui/events``: a list of events, newest first, with filters and pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from flask import Response

from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.models.event_rows import KINDS, event_rows
from sutra_grid.admin.pages.models.list_links import link
from sutra_grid.admin.pages.models.list_size import PAGE_ROWS, page_sizes, size_text
from sutra_grid.admin.pages.renderer import POLL_SECONDS, now_ms, render_page
from sutra_grid.admin.pages.url_parameters import is_filtered, list_query
from sutra_grid.admin.schemas.event_queries import ACTORS, REASONS, EventFilter, EventRequest
from sutra_grid.admin.services import registry

PATH: Final = "/ui/events"
#: Parameters that do not change which events match.
NOT_FILTERS: Final = ("before_event_id", "limit")
MOST_COUNTED: Final = 10_001


@blueprint.get("/events")
def show_events() -> Response:
    """Show the page. Only the page of the newest events is polled."""
    asked: EventRequest
    chosen, asked = list_query(EventFilter())
    query = asked.query_at(now_ms())
    if not chosen["limit"]:
        query = replace(query, limit=PAGE_ROWS)
    filtered = is_filtered(chosen, NOT_FILTERS)
    rows = registry()
    events = rows.event_page(query)
    total = rows.event_count(replace(query, before_event_id=0), MOST_COUNTED)
    before = chosen["before_event_id"]
    older = link(PATH, chosen, before_event_id=str(events[0].event_id)) if len(events) == query.limit else ""
    return render_page(
        "events.html",
        section="events",
        poll_seconds=0 if before else POLL_SECONDS,
        chosen=chosen,
        kinds=KINDS,
        actors=ACTORS,
        reasons=REASONS,
        events=event_rows(events, now_ms()),
        size=size_text(total, len(events), "event", filtered=filtered, most=MOST_COUNTED),
        filtered=filtered,
        page_sizes=page_sizes(query.limit),
        limit=query.limit,
        older=older,
        newest=link(PATH, chosen, before_event_id="") if before else "",
    )
