"""The events that explain the difference between two reports of a node.

Pure. Events are derived from reports, so no event depends on a message that is sent only once: if one report is
lost, the next one leads to the same events.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from operator import attrgetter

from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.outcome import CRASHES, describe_exit, is_restart_refused, new_exits, without_process
from sutra_grid.core.types import Actor, Event, Health, NodeExit, NodeReport, NodeState, Reason

_Change = tuple[EventKind, Reason, str]

_NOT_MATERIAL = {"sample", "backoff_ms", "stable_in_ms", "reported_at_ms", "sequence", "end_cause"}
#: The fields of a report that are not measurements, as a tuple: compared for each node of each heartbeat.
#: ``message`` contains the cause of an end.
_material = attrgetter(*(field.name for field in fields(NodeReport) if field.name not in _NOT_MATERIAL))


def events_between(agent_id: str, old: NodeReport | None, new: NodeReport, at_ms: int) -> list[Event]:
    """Events from the report ``old`` (None: the node is new) to the report ``new``, in the order they happened."""
    changes = [
        *_refusals(old, new),
        *_exits(old, new),
        *_oom_kills(old, new),
        *_leftovers(old, new),
        *_state_changes(old, new),
        *_health_changes(old, new),
        *_log_changes(old, new),
        *_reach_changes(old, new),
    ]
    return [
        Event(kind, at_ms, Actor.AGENT, agent_id=agent_id, node_id=new.node_id, reason=reason, message=message)
        for kind, reason, message in changes
    ]


def is_material(old: NodeReport | None, new: NodeReport) -> bool:
    """Whether ``new`` has more than new measurements; then it is written at once."""
    return old is None or _material(old) != _material(new)


def _refusals(old: NodeReport | None, new: NodeReport) -> Iterator[_Change]:
    if is_restart_refused(new) and (old is None or not is_restart_refused(old) or old.generation < new.generation):
        yield EventKind.NODE_RESTART_REFUSED, new.reason, new.message or "its start would fail; nothing was stopped"


def _exits(old: NodeReport | None, new: NodeReport) -> Iterator[_Change]:
    for exit_ in reversed(new_exits(old, new)):
        if exit_.reason not in CRASHES or _is_told(old, new, exit_):
            continue
        # The cause that a report has is that of its newest exit.
        cause = f": {new.end_cause}" if without_process(exit_) and exit_ is new.exits[0] and new.end_cause else ""
        yield EventKind.NODE_EXITED, exit_.reason, f"{describe_exit(exit_)}{cause}"


def _is_told(old: NodeReport | None, new: NodeReport, exit_: NodeExit) -> bool:
    """Whether it is one more start that failed without a process, for the cause of the one before."""
    if old is None or not old.exits or not old.end_cause or old.generation != new.generation:
        return False
    return old.end_cause == new.end_cause and without_process(old.exits[0]) and without_process(exit_)


def _oom_kills(old: NodeReport | None, new: NodeReport) -> Iterator[_Change]:
    """Kills that no exit tells."""
    kills = new.oom_kills - (old.oom_kills if old else 0)
    if kills <= 0 or new_exits(old, new) or (old is None and new.reason is not Reason.OOM_KILLED):
        return
    told = new.message if new.reason is Reason.OOM_KILLED else ""
    generic = f"the kernel killed processes of it for lack of memory: {kills}"
    yield EventKind.NODE_OOM_KILLED, Reason.OOM_KILLED, told or generic


def _leftovers(old: NodeReport | None, new: NodeReport) -> Iterator[_Change]:
    if new.reason is Reason.LEFTOVERS and (old is None or (old.reason, old.message) != (new.reason, new.message)):
        yield EventKind.NODE_LEFTOVERS, new.reason, new.message or "processes of its earlier launch are left"
    told = {(exit_.at_ms, exit_.killed) for exit_ in old.exits} if old else set()
    for exit_ in reversed(new.exits):
        if exit_.killed and (exit_.at_ms, exit_.killed) not in told:
            yield EventKind.NODE_LEFTOVERS_KILLED, Reason.STOP_TIMEOUT, exit_.killed


def _state_changes(old: NodeReport | None, new: NodeReport) -> Iterator[_Change]:
    was = old.state if old else None
    if old and new.restarts > old.restarts and new.pid:
        yield EventKind.NODE_RESTARTED, new.reason, f"restarted as process {new.pid}; restarts so far: {new.restarts}"
    elif new.state is NodeState.RUNNING and (was is not NodeState.RUNNING or (old and old.pid != new.pid)):
        at = f" at {new.endpoint}" if new.endpoint else ""
        yield EventKind.NODE_STARTED, new.reason, f"runs as process {new.pid}{at}"
    if old and new.reason is Reason.ADOPTED and (old.reason, old.pid) != (new.reason, new.pid):
        yield EventKind.NODE_ADOPTED, new.reason, new.message or f"a new agent process supervises process {new.pid}"
    if was is new.state:
        return
    if new.state is NodeState.STOPPED and (old or new.exits):
        yield EventKind.NODE_STOPPED, new.reason, new.message or "its agent reports it as stopped"
    if new.state is NodeState.FAILED:
        yield EventKind.NODE_FAILED, new.reason, new.message or "it failed; the agent gave no message"


def _health_changes(old: NodeReport | None, new: NodeReport) -> Iterator[_Change]:
    was = old.health if old else Health.UNKNOWN
    if new.health is Health.UNHEALTHY and was is not Health.UNHEALTHY:
        yield EventKind.NODE_UNHEALTHY, Reason.PROBE_FAILED, new.message or "its health probe fails"
    if new.health is Health.HEALTHY and was is Health.UNHEALTHY:
        yield EventKind.NODE_HEALTHY, Reason.RECOVERED, "its health probe passes again"


def _log_changes(old: NodeReport | None, new: NodeReport) -> Iterator[_Change]:
    was, now = old.log_problem if old else None, new.log_problem
    if now is not None and now != was:
        yield EventKind.NODE_LOG_PROBLEM, now.reason, now.message
    if now is None and was is not None:
        yield EventKind.NODE_LOG_RECOVERED, Reason.RECOVERED, "its log is at its path, and can be rotated"


def _reach_changes(old: NodeReport | None, new: NodeReport) -> Iterator[_Change]:
    was = old.endpoint_problem if old else ""
    # Without a probe nobody knows whether the program is meant to listen.
    if new.endpoint_problem and not was and new.health is Health.HEALTHY:
        yield EventKind.NODE_UNREACHABLE, Reason.ENDPOINT_UNREACHABLE, new.endpoint_problem
    if was and new.endpoint:
        yield EventKind.NODE_REACHABLE, Reason.RECOVERED, f"answers at {new.endpoint}"
