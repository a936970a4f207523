"""A node's durable record after each transition: one function per phase, which names the fields that it sets.

Pure and without decisions: ``core.node.step`` checks the change of phase against the transitions table and adds the
instructions. Reasons and messages are for people; everything else is what a later step decides by.
"""

from __future__ import annotations

from dataclasses import replace

from sutra_grid.core.node.events import Now
from sutra_grid.core.node.record import Ending, Member, NodeRecord, ProcessIdentity, Suspect
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Desired, Reason


def launching(record: NodeRecord, reason: Reason, message: str, listen_host: str, tls: bool) -> NodeRecord:
    """A process is asked for, under a new launch number and for the newest generation."""
    return replace(
        _cleared(record),
        phase=Phase.LAUNCHING,
        reason=reason,
        message=message,
        process=None,
        launches=record.launches + 1,
        launch_generation=record.assignment.generation,
        listen_host=listen_host,
        tls=tls,
        endpoint="",
        endpoint_problem="",
        ready_at=None,
        resume_at=0.0,
        end_cause="",
        suspect=None,
        launch_oom_kills=0,
        killed=(),
        failing_since_ms=0,
    )


def starting(record: NodeRecord, process: ProcessIdentity, now: Now) -> NodeRecord:
    """The process of the launch runs."""
    return replace(
        record,
        phase=Phase.STARTING,
        process=process,
        launched_at=now.monotonic,
        launched_at_ms=now.wall_ms,
        restarts=record.restarts + (1 if record.relaunch else 0),
        relaunch=False,
    )


def running(record: NodeRecord, now: Now) -> NodeRecord:
    """The process became ready, perhaps after its start timeout."""
    late = record.reason is Reason.START_TIMEOUT
    return replace(
        record,
        phase=Phase.RUNNING,
        reason=Reason.RECOVERED if late else record.reason,
        message="became ready after its start timeout" if late else record.message,
        ready_at=now.monotonic,
        made_path="",
    )


def stopping(record: NodeRecord, message: str, cause: Reason, grace_ends_at: float) -> NodeRecord:
    """The stop signal is sent. ``cause``: why the agent stops it by itself, to start it again; else ``NONE``."""
    restarts = cause is not Reason.NONE
    return replace(
        record,
        phase=Phase.STOPPING,
        reason=cause if restarts else Reason.COMMANDED,
        message=message,
        stop_cause=cause,
        relaunch=restarts or record.relaunch,
        grace_ends_at=grace_ends_at,
    )


def killing(record: NodeRecord, message: str) -> NodeRecord:
    """The grace is over and SIGKILL is sent."""
    return replace(record, phase=Phase.KILLING, reason=Reason.STOP_TIMEOUT, message=message)


def clearing(
    record: NodeRecord,
    ending: Ending,
    leftovers: tuple[Member, ...],
    reason: Reason,
    message: str,
    grace_ends_at: float,
) -> NodeRecord:
    """The leader has ended, and ``leftovers`` are being ended, or are still to be looked for."""
    return replace(
        record,
        phase=Phase.CLEARING,
        reason=reason,
        message=message,
        process=None,
        ready_at=None,
        end_cause=ending.cause,
        ending=ending,
        leftovers=leftovers,
        grace_ends_at=grace_ends_at,
    )


def waiting(record: NodeRecord, reason: Reason, message: str, resume_at: float) -> NodeRecord:
    """No process; the next launch is due at ``resume_at``."""
    return replace(_cleared(record), phase=Phase.WAITING, reason=reason, message=message, resume_at=resume_at)


def failed(record: NodeRecord, reason: Reason, message: str) -> NodeRecord:
    """No process, and none until the node is started by a command."""
    return replace(_cleared(record), phase=Phase.FAILED, reason=reason, message=message, relaunch=False, ready_at=None)


def blocked(record: NodeRecord, suspect: Suspect) -> NodeRecord:
    """Something lives that may be the node's process; nothing is started or signalled."""
    return replace(
        record,
        phase=Phase.BLOCKED,
        reason=Reason.UNPROVED_PROCESS,
        message=suspect.message,
        process=None,
        suspect=suspect.identity,
        ready_at=None,
        resume_at=0.0,
    )


def ended(record: NodeRecord, reason: Reason, message: str) -> NodeRecord:
    """No process, as the assignment says: stopped, or removed."""
    return replace(
        _cleared(record),
        phase=Phase.REMOVED if record.assignment.desired is Desired.ABSENT else Phase.STOPPED,
        reason=reason,
        message=message,
        process=None,
        ready_at=None,
        resume_at=0.0,
        end_cause="",
        relaunch=False,
        crashes=(),
        unstable=False,
        suspect=None,
    )


def adopted(record: NodeRecord, phase: Phase) -> NodeRecord:
    """The agent found the process after its own start, which is in ``phase``."""
    return replace(record, phase=phase, reason=Reason.ADOPTED)


def resumed(record: NodeRecord, phase: Phase) -> NodeRecord:
    """The node continues in the ``phase`` that the journal had, for the same reason."""
    return replace(record, phase=phase)


def _cleared(record: NodeRecord) -> NodeRecord:
    """No member of the last launch is left."""
    return replace(record, grace_ends_at=0.0, ending=None, leftovers=())
