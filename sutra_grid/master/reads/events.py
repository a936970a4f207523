"""Reads events from the registry, after waiting for those that are not written yet."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, TypeVar

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Event, Reason
from sutra_grid.master.concurrency_limit import ConcurrencyLimit
from sutra_grid.master.registry_writes.write_behind import RegistryWriter
from sutra_grid.registry import EventQuery, Registry
from sutra_grid.runtime.config.errors import near_miss
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import event_to_message

E = TypeVar("E", bound=StrEnum)

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
FLUSH_WAIT_SECONDS = 1.0
MAX_MS: Final = 2**53
"""Later times are after every event."""


class EventReads:
    """Thread-safe; blocks on the registry."""

    def __init__(self, registry: Registry, registry_writer: RegistryWriter, limit: ConcurrencyLimit) -> None:
        self._registry = registry
        self._registry_writer = registry_writer
        self._limit = limit

    def read(self, request: pb.ListEventsRequest) -> pb.EventList:
        """Events, oldest first, and the cursor for the next read. Raises ``GridError``."""
        if request.limit > MAX_LIMIT:
            raise InvalidArgument(
                f"limit {request.limit} is too high",
                reason=Reason.INVALID_ARGUMENT,
                hint=f"Use at most {MAX_LIMIT}, and read the next page with after_event_id",
            )
        count = request.limit or DEFAULT_LIMIT
        query = _query(request, count)
        with self._limit.taken():
            self._registry_writer.wait_for_events(FLUSH_WAIT_SECONDS)
            newest = self._registry.last_event_id()
            events = self._registry.event_page(query)
        return pb.EventList(
            events=[event_to_message(event) for event in events],
            last_event_id=_cursor(events, count, max(newest, request.after_event_id)),
        )


def _query(request: pb.ListEventsRequest, limit: int) -> EventQuery:
    """The registry's query. Raises ``InvalidArgument`` for a reason that does not exist."""
    return EventQuery(
        after_event_id=request.after_event_id,
        agent_id=request.agent_id,
        node_id=request.node_id,
        kind=request.kind,
        reason=_choice(Reason, "reason", request.reason),
        actor=request.actor,
        since_ms=min(request.since_ms, MAX_MS),
        until_ms=min(request.until_ms, MAX_MS),
        text=request.text,
        limit=limit,
    )


def _choice(kind: type[E], field: str, value: str) -> E | None:
    if not value:
        return None
    try:
        return kind(value)
    except ValueError:
        allowed = [member.value for member in kind if member.value]
        raise InvalidArgument(
            f"unknown {field} {value!r}{near_miss(value, allowed)}",
            reason=Reason.INVALID_ARGUMENT,
            hint=f"Use one of: {', '.join(allowed)}",
        ) from None


def _cursor(events: list[Event], count: int, newest: int) -> int:
    """Where the next read begins: after the last event of a full page, else after the newest event of this read."""
    if not events:
        return newest
    last = events[-1].event_id
    return last if len(events) >= count else max(last, newest)
