"""The stop sequence of a process: stop signal, grace, SIGKILL, reap. A part of ``core.node.machine``, and as pure.

``begin_stop`` sends the stop signal. When the grace is over, ``end_grace`` sends SIGKILL; while the kernel
has not ended the process, ``kill_again`` repeats it. The exit of the process ends the sequence at every step.
"""

from __future__ import annotations

import signal
from dataclasses import replace

from sutra_grid.core.node import transitions
from sutra_grid.core.node.events import Obstacle
from sutra_grid.core.node.instructions import ArmTimer, SendSignal, SignalMembers, TimerName
from sutra_grid.core.node.record import NodeRecord
from sutra_grid.core.node.step import ANSWERS_PROBES, NodeStep
from sutra_grid.core.types import Assignment, Desired, Reason


def begin_stop(work: NodeStep, message: str, cause: Reason = Reason.NONE) -> None:
    """Send the stop signal to the leader or to all members, and arm the grace, which is for all members.

    ``cause``: why the agent stops it by itself, to start it again.
    """
    rules = work.rules
    grace_ends_at = work.now.monotonic + rules.stop_grace_seconds
    work.move(transitions.stopping(work.record, message, cause, grace_ends_at))
    work.do(SignalMembers(rules.stop_signal) if rules.stop_all_members else SendSignal(rules.stop_signal))
    work.do(ArmTimer(TimerName.GRACE, rules.stop_grace_seconds))


def begin_restart(work: NodeStep) -> None:
    """Stop the process for a restart by command."""
    work.record = replace(work.record, relaunch=True)
    begin_stop(work, "stopping for a restart by command")


def restarts_process(record: NodeRecord, assignment: Assignment) -> bool:
    """Whether the assignment makes the agent stop a process that runs, to start the node again."""
    runs = record.phase in ANSWERS_PROBES and assignment.desired is Desired.RUNNING
    return runs and assignment.restart_generation > record.launch_generation


def refuse_restart(work: NodeStep, carried_out: int, obstacle: Obstacle) -> None:
    """Leave the process alone, because the start after its stop would fail, and take the restart back.

    The node keeps the new generation, so that registry and agent agree, with ``carried_out``: the restart generation
    that it has carried out. So nothing restarts it later by surprise, and its report shows the refusal.
    """
    assignment = replace(work.record.assignment, restart_generation=carried_out)
    process = work.record.process
    runs_on = f"process {process.pid} runs on" if process else "its process runs on"
    message = f"restart refused, {runs_on}: {obstacle.message}"
    work.record = replace(work.record, assignment=assignment, reason=obstacle.reason, message=message)


def end_grace(work: NodeStep) -> None:
    """The leader outlived the grace: send SIGKILL to every member of the launch."""
    grace = work.rules.stop_grace_seconds
    message = f"did not end within {grace:g} s of its stop signal; SIGKILL is sent"
    work.move(transitions.killing(work.record, message))
    _kill(work)


def kill_again(work: NodeStep) -> None:
    """The process outlived SIGKILL for ``reap_seconds``: say so, and send it once more."""
    process = work.record.process
    work.explain(
        work.record.reason,
        f"SIGKILL has not ended process {process.pid if process else 0} yet; "
        "perhaps it waits for a device or a network disk, or the agent's user may not signal it",
    )
    _kill(work)


def _kill(work: NodeStep) -> None:
    work.do(SignalMembers(signal.SIGKILL))
    work.do(ArmTimer(TimerName.REAP, work.rules.reap_seconds))
