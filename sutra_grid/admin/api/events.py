"""``/events``: what happened, to list and to follow."""

from __future__ import annotations

from typing import Any

from flask import Response

from sutra_grid.admin.answering import answer
from sutra_grid.admin.links import registry
from sutra_grid.admin.operations import Answer, Operations
from sutra_grid.admin.schemas.answers import EventList
from sutra_grid.admin.schemas.requests import EventFilter
from sutra_grid.admin.views import event_list

blueprint = Operations("events", __name__, description="What happened")


@blueprint.operation("GET", "/events", Answer(EventList, "Events, oldest first"), query=EventFilter)
def list_events(query: dict[str, Any]) -> Response:
    """List events: those after an id, or the newest.

    Follow with `last_event_id` of the answer as `after_event_id`.
    """
    rows = registry()
    # Read before the events: one that comes in between is then read again, and none is missed.
    seen = query.get("after_event_id", 0) or rows.last_event_id()
    return answer(event_list(rows.events(**query), seen))
