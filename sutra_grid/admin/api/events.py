"""``/events``: what happened, to list and to follow."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from sutra_grid.admin.inputs import Field, Text, Whole, read_query
from sutra_grid.admin.links import registry
from sutra_grid.admin.views import event_list
from sutra_grid.wire.convert import to_json

blueprint = Blueprint("events", __name__)

MAX_LIMIT = 1000
FILTERS: list[Field] = [
    Whole("after_event_id", 0, 2**63 - 1),
    Whole("limit", 1, MAX_LIMIT),
    Text("node_id"),
    Text("agent_id"),
    Text("kind"),
]


@blueprint.get("/events")
def list_events() -> Response:
    """An ``EventList``, oldest first: those after an id, or the newest. Follow with ``last_event_id`` of the answer."""
    chosen = read_query(FILTERS)
    rows = registry()
    # Read before the events: one that comes in between is then read again, and none is missed.
    seen = chosen.get("after_event_id", 0) or rows.last_event_id()
    return jsonify(to_json(event_list(rows.events(**chosen), seen)))
