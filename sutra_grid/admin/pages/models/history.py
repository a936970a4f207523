"""The statuses of a node over time, reconstructed from its events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from sutra_grid.core.age import duration
from sutra_grid.core.event_kinds import AnyEventKind, EventKind
from sutra_grid.core.types import Event

WIDTH: Final = 1000
MIN_WIDTH: Final = 3
HEIGHT: Final = 14

#: The status after an event of this kind, and its tone. Other kinds do not change the status.
_BECOMES: Final[Mapping[AnyEventKind, tuple[str, str]]] = {
    EventKind.NODE_SPAWNED: ("starting", "busy"),
    EventKind.NODE_STARTED: ("running", "good"),
    EventKind.NODE_RESTARTED: ("running", "good"),
    EventKind.NODE_ADOPTED: ("running", "good"),
    EventKind.NODE_TAKEN_OVER: ("running", "good"),
    EventKind.NODE_HEALTHY: ("running", "good"),
    EventKind.NODE_UNHEALTHY: ("unhealthy", "warn"),
    EventKind.NODE_EXITED: ("down", "bad"),
    EventKind.NODE_FAILED: ("failed", "bad"),
    EventKind.NODE_STOPPED: ("stopped", "rest"),
}


#: From the first event of an agent to the next of the second kind nobody sees its nodes.
_UNSEEN_FROM: Final = EventKind.AGENT_OFFLINE
_SEEN_FROM: Final = frozenset({EventKind.AGENT_RECOVERED, EventKind.AGENT_REGISTERED})


#: The height of a segment by its status, so that statuses differ without colours. The higher, the better.
_HEIGHTS: Final[Mapping[str, int]] = {
    "running": HEIGHT,
    "unhealthy": 11,
    "starting": 8,
    "down": 6,
    "failed": 4,
    "stopped": 2,
    "unknown": HEIGHT,  # dashed, see ui.css
}


class Segment(NamedTuple):
    """A period with one status. ``x`` and ``width`` are in units of ``WIDTH``, ``height`` in those of ``HEIGHT``."""

    x: int
    width: int
    tone: str
    title: str
    status: str
    height: int


class LegendEntry(NamedTuple):
    """A status of the history, drawn as its segments, with its time in total."""

    status: str
    tone: str
    height: int
    total: str


class History(NamedTuple):
    """``label`` describes the segments as text."""

    segments: Sequence[Segment]
    since_ms: int
    label: str
    legend: Sequence[LegendEntry]


class Period(NamedTuple):
    """From one moment to another."""

    from_ms: int
    to_ms: int


def unseen_periods(agent_events: Sequence[Event], offline_since_ms: int, now_ms: int) -> list[Period]:
    """When nobody saw the nodes of an agent, from its events, oldest first. ``offline_since_ms``: 0 if it is online."""
    periods: list[Period] = []
    began_ms = 0
    for event in agent_events:
        if event.kind == _UNSEEN_FROM:
            began_ms = began_ms or event.at_ms
        elif event.kind in _SEEN_FROM and began_ms:
            periods.append(Period(began_ms, event.at_ms))
            began_ms = 0
    if offline_since_ms:
        periods.append(Period(began_ms or offline_since_ms, now_ms))
    return periods


def history(events: Sequence[Event], now_ms: int, unseen: Sequence[Period] = ()) -> History | None:
    """The history from a node's events, oldest first. None when no event changes the status.

    In the ``unseen`` periods the status was unknown, whatever it was before.
    """
    changes = [(event.at_ms, *_BECOMES[event.kind]) for event in events if event.kind in _BECOMES]
    if not changes or changes[0][0] >= now_ms:
        return None
    since_ms = changes[0][0]
    spans = [
        (at_ms, end_ms, status, tone)
        for (at_ms, status, tone), end_ms in zip(changes, [*(each[0] for each in changes[1:]), now_ms], strict=True)
    ]
    for period in unseen:
        spans = [part for span in spans for part in _hidden(span, period)]
    legend = _legend(spans)
    label = ", ".join(f"{each.status} for {each.total}" for each in legend)
    scale = WIDTH / (now_ms - since_ms)
    return History([_segment(span, since_ms, scale) for span in spans], since_ms, label, legend)


def _hidden(span: tuple[int, int, str, str], period: Period) -> Iterator[tuple[int, int, str, str]]:
    """The span, with the part that lies in ``period`` as unknown."""
    at_ms, end_ms, status, tone = span
    from_ms, to_ms = max(at_ms, period.from_ms), min(end_ms, period.to_ms)
    if from_ms >= to_ms:
        yield span
        return
    if at_ms < from_ms:
        yield at_ms, from_ms, status, tone
    yield from_ms, to_ms, "unknown", "lost"
    if to_ms < end_ms:
        yield to_ms, end_ms, status, tone


def _legend(spans: Sequence[tuple[int, int, str, str]]) -> list[LegendEntry]:
    """The statuses of ``spans``, in the order in which they first occur."""
    totals: dict[tuple[str, str], int] = {}
    for at_ms, end_ms, status, tone in spans:
        totals[status, tone] = totals.get((status, tone), 0) + max(0, end_ms - at_ms)
    return [
        LegendEntry(status, tone, _HEIGHTS[status], duration(total / 1000)) for (status, tone), total in totals.items()
    ]


def _segment(span: tuple[int, int, str, str], since_ms: int, scale: float) -> Segment:
    at_ms, end_ms, status, tone = span
    width = max(MIN_WIDTH, round((end_ms - at_ms) * scale))
    x = min(WIDTH - width, max(0, round((at_ms - since_ms) * scale)))
    return Segment(x, width, tone, f"{status} for {duration((end_ms - at_ms) / 1000)}", status, _HEIGHTS[status])
