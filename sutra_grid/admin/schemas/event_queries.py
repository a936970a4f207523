"""Queries of events: filters, and how to go on reading."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from marshmallow import ValidationError, post_load, validates_schema

from sutra_grid.admin.http.fields import Text, Time, WholeNumber
from sutra_grid.admin.http.schemas import RequestSchema
from sutra_grid.admin.schemas.requests import (
    MAX_EVENT_ID,
    MAX_EVENTS,
    MAX_MS,
    MAX_NAME_CHARACTERS,
    MAX_WAIT_SECONDS,
)
from sutra_grid.core.moment import Moment
from sutra_grid.core.types import Actor, Reason
from sutra_grid.registry import EventQuery

#: The choices of the filters.
REASONS: Final = tuple(reason.value for reason in Reason if reason.value)
ACTORS: Final = tuple(actor.value for actor in Actor)


@dataclass(frozen=True, slots=True)
class EventRequest:
    """A query whose time range may move with the clock. ``wait_seconds`` is how long to wait for an event."""

    query: EventQuery
    since: Moment | None = None
    until: Moment | None = None
    wait_seconds: int = 0

    def query_at(self, now_ms: int) -> EventQuery:
        """The registry's query when it is ``now_ms``."""
        since_ms = self.since.resolve(now_ms) if self.since else self.query.since_ms
        until_ms = self.until.resolve(now_ms) if self.until else self.query.until_ms
        return replace(self.query, since_ms=since_ms, until_ms=until_ms)


class EventFilter(RequestSchema):
    """Filters of events, and the page before an event."""

    before_event_id = WholeNumber(
        "Only events before this id. Pass the first id of a page to get the previous page", 0, MAX_EVENT_ID
    )
    limit = WholeNumber("Maximum number of events; default 100", 1, MAX_EVENTS)
    node_id = Text("Only events of this node", max_characters=MAX_NAME_CHARACTERS)
    agent_id = Text("Only events of this agent", max_characters=MAX_NAME_CHARACTERS)
    kind = Text(
        "Event kind or its first part: `node` matches `node.spawned` and all other `node.` kinds",
        max_characters=MAX_NAME_CHARACTERS,
    )
    reason = Text("Only events with this reason", choices=REASONS)
    actor = Text(
        "Only events caused by this actor: `operator`, `agent`, `master`, or the name of a user, token or certificate",
        max_characters=MAX_NAME_CHARACTERS,
    )
    q = Text(
        "Only events whose message, kind, reason, agent or node contains this text; ignores case",
        max_characters=MAX_NAME_CHARACTERS,
    )
    since = Time("Only events at or after this time")
    until = Time("Only events at or before this time")
    since_ms = WholeNumber("The same as `since`, in milliseconds since 1970", 0, MAX_MS)
    until_ms = WholeNumber("The same as `until`, in milliseconds since 1970", 0, MAX_MS)

    @validates_schema
    def one_range(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a limit of the time range that is given in both forms."""
        for name in ("since", "until"):
            if name in data and f"{name}_ms" in data:
                raise ValidationError(f"is given beside {name}; give one of them", f"{name}_ms")

    @post_load
    def the_request(self, data: dict[str, Any], **_: Any) -> EventRequest:
        """Convert to the registry's query and what it does not have."""
        kinds = {"reason": Reason}
        names = {"q": "text"}
        others = {"since", "until", "wait_seconds"}
        filters: dict[str, Any] = {
            names.get(name, name): kinds[name](value) if name in kinds else value
            for name, value in data.items()
            if name not in others
        }
        return EventRequest(EventQuery(**filters), **{name: data[name] for name in others if name in data})


class EventFeed(EventFilter):
    """Filters of events, and how to follow them."""

    after_event_id = WholeNumber(
        "Only events after this id, oldest first; without it the newest events", 0, MAX_EVENT_ID
    )
    wait_seconds = WholeNumber("If there are no events, wait this long for the next one", 0, MAX_WAIT_SECONDS)
