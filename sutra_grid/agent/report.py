"""Makes the reports of nodes for the master."""

from __future__ import annotations

from dataclasses import dataclass

from sutra_grid.core.node.record import NodeRecord, NodeRuntime
from sutra_grid.core.samples import NodeSample
from sutra_grid.core.states import SHOWN, Phase
from sutra_grid.core.types import Assignment, Desired, NodeReport, NodeState, Reason


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node at one moment. ``log_tail`` has the last lines of its log as of its last exit.

    ``sequence`` is the number that the inventory gave the view; 0 before that.
    """

    runtime: NodeRuntime
    log_tail: tuple[str, ...] = ()
    sequence: int = 0


def node_report(view: NodeView, now: float, sample: NodeSample | None) -> NodeReport:
    """The report at the monotonic second ``now``."""
    record = view.runtime.record
    assignment = record.assignment
    is_alive = record.process is not None
    is_settling = record.unstable and record.phase is Phase.RUNNING
    well = record.phase in (Phase.RUNNING, Phase.STOPPED)
    return NodeReport(
        node_id=assignment.node_id,
        generation=assignment.generation,
        desired=assignment.desired,
        state=SHOWN[record.phase],
        pid=_pid(record),
        endpoint=record.endpoint if is_alive else "",
        spec=assignment.spec,
        restart_generation=assignment.restart_generation,
        reason=record.reason,
        message=record.message,
        health=view.runtime.health,
        restarts=record.restarts,
        started_at_ms=record.launched_at_ms if is_alive else 0,
        exits=record.exits,
        sample=sample if is_alive else None,
        backoff_ms=max(1, int((record.resume_at - now) * 1000)) if record.phase is Phase.WAITING else 0,
        log_tail=() if well else view.log_tail,
        sequence=view.sequence,
        end_cause=record.end_cause,
        oom_kills=record.oom_kills,
        endpoint_problem=record.endpoint_problem if is_alive else "",
        unstable=record.unstable,
        stable_in_ms=max(1, int((record.stable_at - now) * 1000)) if is_settling else 0,
        state_since_ms=_state_since_ms(record),
        health_since_ms=view.runtime.health_since_ms,
    )


def _state_since_ms(record: NodeRecord) -> int:
    """When the state began. A record of an older version has only the time at which the process became ready."""
    known = bool(record.state_since_ms)
    if known or record.phase is not Phase.RUNNING or record.ready_at is None or not record.launched_at_ms:
        return record.state_since_ms
    return record.launched_at_ms + int((record.ready_at - record.launched_at) * 1000)


def _pid(record: NodeRecord) -> int:
    """The pid of the node's process, or of the one that may be it: a node with a pid has not ended."""
    process = record.process or record.suspect
    return process.pid if process else 0


def removed_report(assignment: Assignment, sequence: int = 0) -> NodeReport:
    """The last report of a removed node. ``sequence``: that of the inventory after the removal."""
    return NodeReport(
        node_id=assignment.node_id,
        generation=assignment.generation,
        desired=Desired.ABSENT,
        state=NodeState.STOPPED,
        spec=assignment.spec,
        reason=Reason.COMMANDED,
        message="removed; data and log are kept",
        sequence=sequence,
    )


def refused_report(assignment: Assignment, reason: Reason, message: str) -> NodeReport:
    """The report of a node that the agent has refused, or must not touch."""
    return NodeReport(
        node_id=assignment.node_id,
        generation=assignment.generation,
        desired=assignment.desired,
        state=NodeState.FAILED,
        spec=assignment.spec,
        restart_generation=assignment.restart_generation,
        reason=reason,
        message=message,
    )
