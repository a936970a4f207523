"""A rolling restart as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from sutra_grid.admin.pages.models.badges import Badge
from sutra_grid.admin.rolling.record import RollRecord, RollState
from sutra_grid.core.text import printable

_BADGES: Final[Mapping[RollState, Badge]] = {
    RollState.RUNNING: Badge("running", "busy", "◐"),
    RollState.STOPPING: Badge("stopping", "busy", "◐"),
    RollState.DONE: Badge("done", "good", "●"),
    RollState.FAILED: Badge("failed", "bad", "✕"),
    RollState.STOPPED: Badge("stopped", "rest", "■"),
    RollState.INTERRUPTED: Badge("interrupted", "warn", "▲"),
}

_MEANING: Final[Mapping[RollState, str]] = {
    RollState.RUNNING: "",
    RollState.STOPPING: "It begins no further restart, and waits for those under way.",
    RollState.DONE: "All nodes are restarted.",
    RollState.FAILED: "It stopped at the first failure. The nodes that are left were not restarted.",
    RollState.STOPPED: "Somebody stopped it. The nodes that are left were not restarted.",
    RollState.INTERRUPTED: (
        "The admin's worker that ran it has ended. It does not go on by itself. "
        "What is shown is what the worker recorded last."
    ),
}


class RollView(NamedTuple):
    """``resume_query`` fills in the form that goes on with what is left; empty when nothing is, or while it runs."""

    roll_id: str
    badge: Badge
    subject: str
    options: str
    meaning: str
    is_active: bool
    is_stopping: bool
    is_interrupted: bool
    started_ms: int
    updated_ms: int
    done: int
    total: int
    in_flight: Sequence[str]
    restarted: Sequence[str]
    left: Sequence[str]
    waiting: str
    failure: str
    hint: str
    resume_query: str


def roll_view(record: RollRecord) -> RollView:
    """What to show of a record."""
    is_active = not record.has_ended
    waiting = set(record.in_flight)
    return RollView(
        record.roll_id,
        _BADGES[record.state],
        _subject(record.asked),
        _options(record.asked),
        _MEANING[record.state],
        is_active,
        record.state is RollState.STOPPING,
        record.state is RollState.INTERRUPTED,
        record.started_ms,
        record.updated_ms,
        len(record.restarted),
        record.total,
        record.in_flight,
        record.restarted,
        [node_id for node_id in record.left if node_id not in waiting],
        printable(record.waiting),
        printable(record.failure),
        printable(record.hint),
        "" if is_active else _query(record.resume),
    )


def _subject(asked: Mapping[str, Any]) -> str:
    named = asked.get("node_ids", ())
    if named:
        return f"{len(named)} chosen nodes"
    parts = [f"engine {asked['engine']}"] if "engine" in asked else []
    parts += [f"agent {asked['agent_id']}"] if "agent_id" in asked else []
    return f"the nodes of {' on '.join(parts)}" if parts else "all nodes"


def _options(asked: Mapping[str, Any]) -> str:
    at_once = asked.get("max_unavailable", 1)
    parts = [f"at most {at_once} node{'' if at_once == 1 else 's'} down at once"]
    if ready := asked.get("min_ready_seconds", 0):
        parts.append(f"each ready for {ready} s")
    if pause := asked.get("pause_seconds", 0):
        parts.append(f"each up for {pause} s without turning unhealthy")
    return ", ".join(parts)


def _query(resume: Mapping[str, Any]) -> str:
    pairs = [(name, str(value)) for name, value in resume.items() if name not in ("node_ids", "all")]
    pairs += [("node_id", node_id) for node_id in resume.get("node_ids", ())]
    return urlencode(pairs)
