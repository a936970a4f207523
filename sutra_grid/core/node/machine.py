"""The life of one node's process: events in, instructions out.

Pure: no clock, no I/O. ``step`` takes a node, what happened and when, and answers
the node as it is then and what is to be done, in order. Whatever changed in the
durable record is journaled before anything else is done: the ``WriteJournal``
stands first. The same function runs in the agent and in the tests' simulated grid.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sutra_grid.core.node.events import (
    Assigned,
    Exited,
    Launched,
    LaunchFailed,
    MemoryExceeded,
    NodeEvent,
    Now,
    ProbeFailed,
    ProbePassed,
    Recovered,
    TimerDue,
)
from sutra_grid.core.node.instructions import (
    ArmTimer,
    DeleteJournal,
    Instruction,
    RunProbe,
    SendSignal,
    TimerName,
    WriteJournal,
)
from sutra_grid.core.node.record import ExitStatus, NodeRuntime
from sutra_grid.core.node.recovery import on_recovered
from sutra_grid.core.node.rules import NodeRules
from sutra_grid.core.node.step import ANSWERS_PROBES, STOP_CAUSES, NodeStep, end_for_memory, last_end, restart_reason
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Desired, Health, NodeSpec, Reason

_PROCESS_KNOWN = frozenset({Phase.STARTING, Phase.RUNNING, Phase.STOPPING, Phase.KILLING})
_NO_PROCESS = frozenset({Phase.STOPPED, Phase.WAITING, Phase.FAILED})
_CONFIRM_PROBE_SECONDS = 1.0  # between the first failed probe and the one that makes it unhealthy


def step(
    node: NodeRuntime, event: NodeEvent, now: Now, rules: NodeRules
) -> tuple[NodeRuntime, tuple[Instruction, ...]]:
    """What becomes of ``node`` by ``event``, and what is to be done, in order.

    An event that speaks of an earlier launch, or an assignment that is not newer,
    changes nothing. Raises ``IllegalTransition`` for an event that can't be.
    """
    work = NodeStep(node, now, rules)
    _HANDLERS[type(event)](work, event)
    if work.node.record.phase is Phase.REMOVED:
        return work.node, (*work.instructions, DeleteJournal())
    if work.node.record != node.record:
        return work.node, (WriteJournal(), *work.instructions)
    return work.node, tuple(work.instructions)


def is_settled(node: NodeRuntime) -> bool:
    """Whether what was asked of the node last has an outcome, good or bad."""
    record = node.record
    if record.assignment.desired is Desired.RUNNING:
        return record.phase in (Phase.RUNNING, Phase.WAITING, Phase.FAILED)
    if record.assignment.desired is Desired.STOPPED:
        return record.phase is Phase.STOPPED
    return record.phase is Phase.REMOVED


def merge_spec(held: NodeSpec, assigned: NodeSpec) -> NodeSpec:
    """The node keeps what it was made with; only what is still open is taken from the assignment."""
    return NodeSpec(
        engine=held.engine or assigned.engine,
        port=held.port or assigned.port,
        storage_path=held.storage_path or assigned.storage_path,
        memory_limit_mb=held.memory_limit_mb or assigned.memory_limit_mb,
    )


# -- one handler an event -----------------------------------------------------


def _on_assigned(work: NodeStep, event: Assigned) -> None:
    record = work.node.record
    if event.assignment.generation <= record.assignment.generation:
        return
    spec = merge_spec(record.assignment.spec, event.assignment.spec)
    work.note(assignment=replace(event.assignment, spec=spec))
    if record.phase is Phase.REMOVED:
        raise work.illegal("an assignment")
    if work.wanted:
        _want_running(work)
    else:
        _want_down(work)


def _want_running(work: NodeStep) -> None:
    record = work.node.record
    if record.phase in _NO_PROCESS:
        first = record.launches == 0
        work.note(crashes=(), relaunch=not first and work.must_restart)
        if first:
            work.launch(Reason.SPAWNED, "started for the first time")
        else:
            work.launch(Reason.COMMANDED, "started by command")
    elif record.phase in ANSWERS_PROBES and work.must_restart:
        work.note(crashes=(), relaunch=True)
        work.stop("stopping for a restart by command")
    elif record.phase in (Phase.STOPPING, Phase.KILLING):
        work.note(relaunch=record.relaunch or work.must_restart, stop_cause=Reason.NONE)


def _want_down(work: NodeStep) -> None:
    record = work.node.record
    work.note(relaunch=False, crashes=(), stop_cause=Reason.NONE)
    rests_already = record.phase is Phase.STOPPED and record.assignment.desired is Desired.STOPPED
    if record.phase in ANSWERS_PROBES:
        work.stop("stopping by command")
    elif record.phase in _NO_PROCESS and not rests_already:
        work.rest(Reason.COMMANDED, "no process ran")
    elif record.reason is Reason.NONE:  # a node that is new here, and not to run
        work.note(reason=Reason.COMMANDED, message="no process ran")


def _on_launched(work: NodeStep, event: Launched) -> None:
    record = work.node.record
    if record.phase is not Phase.LAUNCHING or event.process.launch != record.launches:
        raise work.illegal(f"the start of launch {event.process.launch}")
    work.move(
        Phase.STARTING,
        process=event.process,
        launched_at=work.now.monotonic,
        launched_at_ms=work.now.wall_ms,
        restarts=record.restarts + (1 if record.relaunch else 0),
        relaunch=False,
    )
    if not work.wanted:
        work.stop("stopping by command")
    elif work.must_restart:
        work.note(relaunch=True)
        work.stop("stopping for a restart by command")
    else:
        work.watch_start()


def _on_launch_failed(work: NodeStep, event: LaunchFailed) -> None:
    if work.node.record.phase is not Phase.LAUNCHING:
        raise work.illegal("a failed launch")
    work.record_exit(ExitStatus(), Reason.START_FAILED)
    if work.wanted:
        work.after_end(ready_seconds=0.0, words=event.message, waits_for=event.reason, gives_up_for=event.reason)
    else:
        work.rest(Reason.COMMANDED, event.message)


def _on_exited(work: NodeStep, event: Exited) -> None:
    record = work.node.record
    if event.launch != record.launches or record.phase not in _PROCESS_KNOWN:
        return
    words = event.oom.words if event.oom else event.status.words()
    if record.phase in ANSWERS_PROBES:
        if event.oom and event.oom.over_limit:
            end_for_memory(work, event.status, words)
            return
        ready_seconds = work.now.monotonic - record.ready_at if record.ready_at is not None else 0.0
        work.record_exit(event.status, Reason.CRASHED)
        work.note(relaunch=True)
        work.after_end(
            ready_seconds=ready_seconds, words=words, waits_for=Reason.BACK_OFF, gives_up_for=Reason.CRASH_LOOP
        )
        return
    if record.stop_cause is not Reason.NONE:
        cause = record.stop_cause
        work.record_exit(event.status, cause)
        # However long it was ready before: what it is restarted for must end in a back-off.
        work.after_end(ready_seconds=0.0, words=f"{STOP_CAUSES[cause]}: {words}", waits_for=cause, gives_up_for=cause)
        return
    killed = record.phase is Phase.KILLING
    work.record_exit(event.status, Reason.STOP_TIMEOUT if killed else Reason.COMMANDED)
    if work.wanted:
        work.launch(Reason.COMMANDED, "restarted by command")
    elif killed:
        grace = work.rules.stop_grace_seconds
        work.rest(Reason.STOP_TIMEOUT, f"did not end within {grace:g} s of its stop signal and was killed")
    else:
        work.rest(Reason.COMMANDED, f"stopped by command: {words}")


def _on_probe_passed(work: NodeStep, event: ProbePassed) -> None:
    record = work.node.record
    if event.launch != record.launches or record.phase not in ANSWERS_PROBES:
        return
    if record.phase is Phase.STARTING:
        work.ready(Health.HEALTHY)
        return
    if record.reason is Reason.PROBE_FAILED and work.node.health is not Health.HEALTHY:
        work.note(reason=Reason.RECOVERED, message="answers its health probe again")
    work.node = replace(work.node, health=Health.HEALTHY, probe_failures=0)
    work.do(ArmTimer(TimerName.PROBE, work.rules.probe_interval_seconds))


def _on_probe_failed(work: NodeStep, event: ProbeFailed) -> None:
    record = work.node.record
    if event.launch != record.launches or record.phase not in ANSWERS_PROBES:
        return
    failures = work.node.probe_failures + 1
    work.node = replace(work.node, probe_failures=failures)
    if record.phase is Phase.STARTING:
        if record.reason is Reason.START_TIMEOUT:
            work.do(ArmTimer(TimerName.PROBE, _CONFIRM_PROBE_SECONDS))
        else:
            work.do(ArmTimer(TimerName.PROBE, work.rules.start_probe_seconds))
        return
    if failures >= work.rules.unhealthy_after_failures:
        if work.node.health is not Health.UNHEALTHY:
            work.node = replace(work.node, health=Health.UNHEALTHY)
            work.note(
                reason=Reason.PROBE_FAILED,
                message=f"its process lives, but {failures} health probes in a row failed: {event.message}",
            )
            if work.rules.restart_unhealthy_after_seconds > 0 and work.rules.restart.enabled:
                work.do(ArmTimer(TimerName.UNHEALTHY, work.rules.restart_unhealthy_after_seconds))
        work.do(ArmTimer(TimerName.PROBE, work.rules.probe_interval_seconds))
    else:
        work.do(ArmTimer(TimerName.PROBE, min(_CONFIRM_PROBE_SECONDS, work.rules.probe_interval_seconds)))


def _on_memory_exceeded(work: NodeStep, event: MemoryExceeded) -> None:
    record = work.node.record
    if event.launch == record.launches and record.phase in ANSWERS_PROBES:
        work.stop(event.message, Reason.MEMORY_LIMIT)


def _on_timer(work: NodeStep, event: TimerDue) -> None:
    record = work.node.record
    match event.timer, record.phase:
        case TimerName.BACK_OFF, Phase.WAITING:
            work.launch(restart_reason(record), f"restarted: {last_end(record)}")
        case TimerName.SETTLE, Phase.STARTING:
            work.ready(Health.UNKNOWN)
        case TimerName.PROBE, Phase.STARTING | Phase.RUNNING:
            work.do(RunProbe())
        case TimerName.UNHEALTHY, Phase.RUNNING:
            if work.node.health is Health.UNHEALTHY:
                waited = work.rules.restart_unhealthy_after_seconds
                work.stop(f"did not answer its health probe for {waited:g} s and is restarted", Reason.PROBE_FAILED)
        case TimerName.START_TIMEOUT, Phase.STARTING:
            work.node = replace(work.node, health=Health.UNHEALTHY)
            work.note(
                reason=Reason.START_TIMEOUT,
                message=f"its process lives, but did not pass its probe within "
                f"{work.rules.start_timeout_seconds:g} s; it is left to go on",
            )
        case TimerName.GRACE, Phase.STOPPING:
            grace = work.rules.stop_grace_seconds
            work.move(
                Phase.KILLING,
                reason=Reason.STOP_TIMEOUT,
                message=f"did not end within {grace:g} s of its stop signal; SIGKILL is sent",
            )
            _kill(work)
        case TimerName.REAP, Phase.KILLING:
            work.note(
                message=f"SIGKILL has not ended process {record.process.pid if record.process else 0} yet; "
                "the kernel holds it (device or network disk?)"
            )
            _kill(work)
        case _:
            raise work.illegal(f"timer {event.timer}")


def _kill(work: NodeStep) -> None:
    work.do(SendSignal(signal.SIGKILL, whole_group=True))
    work.do(ArmTimer(TimerName.REAP, work.rules.reap_seconds))


_HANDLERS: dict[type[Any], Callable[[NodeStep, Any], None]] = {
    Assigned: _on_assigned,
    Launched: _on_launched,
    LaunchFailed: _on_launch_failed,
    Exited: _on_exited,
    ProbePassed: _on_probe_passed,
    ProbeFailed: _on_probe_failed,
    MemoryExceeded: _on_memory_exceeded,
    TimerDue: _on_timer,
    Recovered: on_recovered,
}
