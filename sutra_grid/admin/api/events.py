"""``/events``: what happened, to list and to follow."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from sutra_grid.admin.answering import answer
from sutra_grid.admin.event_wait import await_events
from sutra_grid.admin.links import long_requests, registry
from sutra_grid.admin.long_requests import is_client_gone
from sutra_grid.admin.operations import READ_PROBLEMS, Answer, Operations
from sutra_grid.admin.schemas.answers import EventList
from sutra_grid.admin.schemas.requests import EventFilter
from sutra_grid.admin.views import event_list

blueprint = Operations("events", __name__, description="What happened")


@blueprint.operation(
    "GET", "/events", Answer(EventList, "Events, oldest first"), query=EventFilter, problems=READ_PROBLEMS | {429}
)
def list_events(query: dict[str, Any]) -> Response:
    """List events: those after an id, or the newest.

    Follow with `last_event_id` of the answer as `after_event_id`; with `wait_seconds` the answer waits for the next
    one when there is none yet. A worker lets half of its threads wait or follow; one more is answered 429.
    """
    wait_seconds = query.pop("wait_seconds", 0)
    rows = registry()
    # Read before the events: one that comes in between is then read again, and none is missed.
    seen = query.get("after_event_id", 0) or rows.last_event_id()
    if not wait_seconds:
        return answer(event_list(rows.events(**query), seen))
    after = {**query, "after_event_id": seen}
    long, environ = long_requests(), request.environ
    with long.take():
        events = await_events(
            lambda: rows.events(**after), wait_seconds, lambda: long.is_worker_ending() or is_client_gone(environ)
        )
    return answer(event_list(events, seen))
