"""Events as rows."""

from __future__ import annotations

from typing import Final, NamedTuple

from sutra_grid.admin.pages.models.timestamps import Moment, moment
from sutra_grid.core.text import printable
from sutra_grid.core.types import Event

_TONES: Final = {
    "node.failed": "bad",
    "node.spawn_failed": "bad",
    "node.exited": "warn",
    "node.unhealthy": "warn",
    "node.restarted": "busy",
    "node.started": "good",
    "node.healthy": "good",
    "node.stopped": "rest",
    "node.removed": "rest",
    "agent.offline": "bad",
    "agent.degraded": "warn",
    "agent.low_disk": "warn",
    "agent.refused": "warn",
    "agent.superseded": "warn",
    "agent.recovered": "good",
    "agent.registered": "good",
    "agent.disk_recovered": "good",
}

#: What a page offers to filter by; the first part of a kind finds all of them.
KINDS: Final = (
    "node",
    "agent",
    *sorted([*_TONES, "node.spawned", "node.commanded", "node.adopted", "agent.drained", "agent.undrained"]),
)


class EventRow(NamedTuple):
    """``tone`` is a class of the style sheet."""

    event_id: int
    at: Moment | None
    kind: str
    tone: str
    agent_id: str
    node_id: str
    actor: str
    reason: str
    message: str


def event_rows(events: list[Event], now_ms: int) -> list[EventRow]:
    """The newest first."""
    return [
        EventRow(
            event.event_id,
            moment(event.at_ms, now_ms),
            event.kind,
            _TONES.get(event.kind, "rest"),
            event.agent_id,
            event.node_id,
            event.actor,
            event.reason,
            printable(event.message),
        )
        for event in reversed(events)
    ]
