"""Events as table rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from sutra_grid.admin.pages.models.timestamps import Timestamp, timestamp
from sutra_grid.core.actor_names import actor_text
from sutra_grid.core.event_kinds import AnyEventKind, EventKind
from sutra_grid.core.text import printable
from sutra_grid.core.types import Event

_TONES: Final[Mapping[AnyEventKind, str]] = {
    EventKind.NODE_FAILED: "bad",
    EventKind.NODE_SPAWN_FAILED: "bad",
    EventKind.NODE_EXITED: "warn",
    EventKind.NODE_RESTART_REFUSED: "warn",
    EventKind.NODE_OOM_KILLED: "warn",
    EventKind.NODE_LEFTOVERS: "warn",
    EventKind.NODE_LEFTOVERS_KILLED: "warn",
    EventKind.NODE_UNHEALTHY: "warn",
    EventKind.NODE_RESTARTED: "busy",
    EventKind.NODE_STARTED: "good",
    EventKind.NODE_HEALTHY: "good",
    EventKind.NODE_STOPPED: "rest",
    EventKind.NODE_REMOVED: "rest",
    EventKind.NODE_LOG_PROBLEM: "warn",
    EventKind.NODE_LOG_RECOVERED: "good",
    EventKind.AGENT_OFFLINE: "bad",
    EventKind.AGENT_DEGRADED: "warn",
    EventKind.AGENT_LOW_DISK: "warn",
    EventKind.AGENT_REFUSED: "warn",
    EventKind.AGENT_SUPERSEDED: "warn",
    EventKind.AGENT_RECOVERED: "good",
    EventKind.AGENT_REGISTERED: "good",
    EventKind.AGENT_DISK_RECOVERED: "good",
    EventKind.AGENT_JOINED: "good",
    EventKind.TOKEN_CREATED: "good",
    EventKind.CERTIFICATE_REVOKED: "warn",
}

#: The choices of the filter. The first part of a kind matches all kinds that begin with it.
KINDS: Final = ("agent", "node", "registry", "token", "certificate", "user", *sorted(EventKind))


class EventRow(NamedTuple):
    """``tone`` is a CSS class."""

    event_id: int
    at: Timestamp | None
    kind: str
    tone: str
    agent_id: str
    node_id: str
    actor: str
    reason: str
    message: str


def event_rows(events: list[Event], now_ms: int) -> list[EventRow]:
    """One row per event, newest first."""
    return [
        EventRow(
            event.event_id,
            timestamp(event.at_ms, now_ms),
            event.kind,
            _TONES.get(event.kind, "rest"),
            event.agent_id,
            event.node_id,
            printable(actor_text(event.actor, event.actor_name, event.actor_address)),
            event.reason,
            printable(event.message),
        )
        for event in reversed(events)
    ]
