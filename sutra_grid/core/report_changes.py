"""What happened to a node between two reports of it, as events.

Pure. Events are derived from the difference of two reports, so nothing depends on a message
that is sent only once: the next report tells the same story.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from operator import attrgetter

from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.outcome import CRASHES, exit_in_words, new_exits
from sutra_grid.core.types import Actor, Event, Health, NodeReport, NodeState, Reason

_What = tuple[EventKind, Reason, str]

_UNSAID = {"sample", "backoff_ms", "sequence", "end_cause"}
#: The fields of a report that say more than fresh measurements, as a tuple: compared for each node of each heartbeat.
#: The message includes the cause of an end.
_said = attrgetter(*(field.name for field in fields(NodeReport) if field.name not in _UNSAID))


def events_between(agent_id: str, old: NodeReport | None, new: NodeReport, at_ms: int) -> list[Event]:
    """Events, in the order they happened, that lead from ``old`` (None: a node just made) to ``new``."""
    happened = [*_exits(old, new), *_state_changes(old, new), *_health_changes(old, new)]
    return [
        Event(kind, at_ms, Actor.AGENT, agent_id=agent_id, node_id=new.node_id, reason=reason, message=message)
        for kind, reason, message in happened
    ]


def is_material(old: NodeReport | None, new: NodeReport) -> bool:
    """Whether ``new`` says more than fresh measurements; then it is worth writing at once."""
    return old is None or _said(old) != _said(new)


def _exits(old: NodeReport | None, new: NodeReport) -> Iterator[_What]:
    for exit_ in reversed(new_exits(old, new)):
        if exit_.reason in CRASHES:
            yield EventKind.NODE_EXITED, exit_.reason, exit_in_words(exit_)


def _state_changes(old: NodeReport | None, new: NodeReport) -> Iterator[_What]:
    was = old.state if old else None
    if old and new.restarts > old.restarts and new.pid:
        times = "once" if new.restarts == 1 else f"{new.restarts} times"
        yield EventKind.NODE_RESTARTED, new.reason, f"restarted as process {new.pid}; {times} since it was made"
    elif new.state is NodeState.RUNNING and (was is not NodeState.RUNNING or (old and old.pid != new.pid)):
        yield EventKind.NODE_STARTED, new.reason, f"runs as process {new.pid} at {new.endpoint}"
    if old and new.reason is Reason.ADOPTED and (old.reason, old.pid) != (new.reason, new.pid):
        yield EventKind.NODE_ADOPTED, new.reason, new.message or f"process {new.pid} goes on under a new agent process"
    if was is new.state:
        return
    if new.state is NodeState.STOPPED and (old or new.exits):
        yield EventKind.NODE_STOPPED, new.reason, new.message or "its process has ended"
    if new.state is NodeState.FAILED:
        yield EventKind.NODE_FAILED, new.reason, new.message or "it failed"


def _health_changes(old: NodeReport | None, new: NodeReport) -> Iterator[_What]:
    was = old.health if old else Health.UNKNOWN
    if new.health is Health.UNHEALTHY and was is not Health.UNHEALTHY:
        yield EventKind.NODE_UNHEALTHY, Reason.PROBE_FAILED, new.message or "its health probe fails"
    if new.health is Health.HEALTHY and was is Health.UNHEALTHY:
        yield EventKind.NODE_HEALTHY, Reason.RECOVERED, "its health probe passes again"
