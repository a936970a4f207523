"""``/events``: list and follow events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import Response, request

from sutra_grid.admin.api.message_response import message_response
from sutra_grid.admin.http.long_requests import is_client_gone
from sutra_grid.admin.http.operations import NOT_MODIFIED, READ_PROBLEMS, Operations, ResponseSpec
from sutra_grid.admin.http.responses import LINK_HEADER, add_link, conditional_response
from sutra_grid.admin.reads.event_wait import wait_for_events
from sutra_grid.admin.reads.records import event_list
from sutra_grid.admin.schemas.event_queries import EventFeed, EventRequest
from sutra_grid.admin.schemas.responses import EventList
from sutra_grid.admin.services import clock, long_requests, registry
from sutra_grid.core.types import Event
from sutra_grid.runtime.clock import wall_ms
from sutra_grid.wire.convert import to_json

blueprint = Operations("events", __name__, description="Events: what happened, when and why")


@blueprint.operation(
    "GET",
    "/events",
    ResponseSpec(EventList, "Events, oldest first", headers=LINK_HEADER),
    NOT_MODIFIED,
    query=EventFeed,
    problems=READ_PROBLEMS | {429},
)
def list_events(query: EventRequest) -> Response:
    """List events after an id, or the newest ones.

    To follow events, pass `last_event_id` of the response as `after_event_id`. With `wait_seconds` the request waits
    for the next event. Half of a worker's threads may wait or follow; further requests are answered with 429.
    """
    wait_seconds = query.wait_seconds
    rows = registry()
    chosen = query.query_at(wall_ms(clock()))
    # Read before the events: an event recorded in between is then read again, not missed.
    seen = chosen.after_event_id or rows.last_event_id()
    if not wait_seconds:
        return _page_response(rows.event_page(chosen), seen)
    after = replace(chosen, after_event_id=seen)
    long, environ = long_requests(), request.environ
    with long.acquire():
        events = wait_for_events(
            lambda: rows.event_page(after), wait_seconds, lambda: long.is_worker_ending() or is_client_gone(environ)
        )
    return message_response(event_list(events, seen))


def _page_response(events: Sequence[Event], seen: int) -> Response:
    response = conditional_response(to_json(event_list(events, seen)))
    if events:
        add_link(response, "prev", before_event_id=events[0].event_id, after_event_id=None)
        add_link(response, "next", after_event_id=events[-1].event_id, before_event_id=None)
    return response
