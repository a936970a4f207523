"""The state machine of one node's process: events in, instructions out.

Pure: no clock, no I/O. ``step`` takes a node and an event, and returns the node after it and the instructions to
carry out in order. A change of the durable record is journaled first: ``WriteJournal`` comes before every other
instruction. The same function runs in the agent and in the tests' simulated grid.
"""

from __future__ import annotations

from dataclasses import replace

from sutra_grid.core.node import transitions
from sutra_grid.core.node.blocked import block, look_now, on_suspect_seen
from sutra_grid.core.node.clearing import (
    end_launch,
    ending_by_itself,
    on_clearing_timer,
    on_members,
    start_after_clearing,
)
from sutra_grid.core.node.events import (
    Assigned,
    Exited,
    LaunchBlocked,
    Launched,
    LaunchFailed,
    MembersFound,
    MembersOomKilled,
    MembersSignalled,
    MemoryExceeded,
    NodeEvent,
    Now,
    ProbeFailed,
    ProbeNotMade,
    ProbePassed,
    Recovered,
    SuspectSeen,
    TimerDue,
)
from sutra_grid.core.node.instructions import (
    ArmTimer,
    DeleteJournal,
    Instruction,
    LookAtSuspect,
    RunProbe,
    TimerName,
    WriteJournal,
)
from sutra_grid.core.node.oom_kills import count_at_exit, on_members_oom_killed
from sutra_grid.core.node.record import Ending, ExitStatus, Follows, NodeRuntime, Suspect
from sutra_grid.core.node.recovery import on_recovered
from sutra_grid.core.node.rules import NodeRules
from sutra_grid.core.node.step import (
    ANSWERS_PROBES,
    CONFIRM_PROBE_SECONDS,
    STOP_CAUSES,
    NodeStep,
    describe_last_end,
    restart_reason,
)
from sutra_grid.core.node.stop_sequence import (
    begin_restart,
    begin_stop,
    end_grace,
    kill_again,
    refuse_restart,
    restarts_process,
)
from sutra_grid.core.outcome import RESTART_OBSTACLES
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Desired, Health, Reason

_PROCESS_KNOWN = frozenset({Phase.STARTING, Phase.RUNNING, Phase.STOPPING, Phase.KILLING})
_NO_PROCESS = frozenset({Phase.STOPPED, Phase.WAITING, Phase.FAILED})


def step(
    node: NodeRuntime, event: NodeEvent, now: Now, rules: NodeRules
) -> tuple[NodeRuntime, tuple[Instruction, ...]]:
    """The node after ``event``, and the instructions to carry out in order.

    An event about an earlier launch and an assignment that is not newer change nothing.
    Raises ``IllegalTransition`` for an event that can't happen in the node's phase.
    """
    work = NodeStep(node, now, rules)
    _handle(work, event)
    if work.record.phase is Phase.REMOVED:
        return work.node, (*work.instructions, DeleteJournal())
    if work.record != node.record:
        return work.node, (WriteJournal(), *work.instructions)
    return work.node, tuple(work.instructions)


def is_settled(node: NodeRuntime) -> bool:
    """Whether the newest assignment has an outcome, good or bad. A process that is not ready in time is one."""
    record = node.record
    refused = record.phase is Phase.STARTING and record.reason in RESTART_OBSTACLES
    if record.phase is Phase.BLOCKED or refused:
        return True
    if record.assignment.desired is Desired.RUNNING:
        if record.phase is Phase.STARTING and record.reason is Reason.START_TIMEOUT:
            return True
        return record.phase in (Phase.RUNNING, Phase.WAITING, Phase.FAILED)
    if record.assignment.desired is Desired.STOPPED:
        return record.phase is Phase.STOPPED
    return record.phase is Phase.REMOVED


def _handle(work: NodeStep, event: NodeEvent) -> None:
    match event:
        case Assigned():
            _on_assigned(work, event)
        case Launched():
            _on_launched(work, event)
        case LaunchFailed():
            _on_launch_failed(work, event)
        case LaunchBlocked(suspect):
            _on_launch_blocked(work, suspect)
        case SuspectSeen(seen, leftovers):
            on_suspect_seen(work, seen, leftovers)
        case Exited():
            _on_exited(work, event)
        case MembersFound() | MembersSignalled():
            on_members(work, event)
        case ProbePassed() | ProbeFailed() | ProbeNotMade():
            _on_probe(work, event)
        case MemoryExceeded() | MembersOomKilled():
            _on_memory(work, event)
        case TimerDue():
            _on_timer(work, event)
        case Recovered():
            on_recovered(work, event)


# -- one handler an event -----------------------------------------------------


def _on_assigned(work: NodeStep, event: Assigned) -> None:
    held_record, held = work.record, work.record.assignment
    if event.assignment.generation <= held.generation:
        return
    if work.record.phase is Phase.REMOVED:
        raise work.illegal("an assignment")
    # The node keeps what it was made with; the assignment completes what is still open.
    assignment = replace(event.assignment, spec=held.spec.completed_by(event.assignment.spec))
    work.record = replace(work.record, assignment=assignment)
    if not work.should_run:
        _stop(work, event)
    elif event.obstacle is not None and restarts_process(held_record, assignment):
        refuse_restart(work, held.restart_generation, event.obstacle)
    else:
        _start(work)


def _start(work: NodeStep) -> None:
    record = work.record
    if record.phase in _NO_PROCESS:
        first = record.launches == 0
        work.record = replace(record, crashes=(), relaunch=not first and work.must_restart)
        work.node = replace(work.node, waits=0)
        if first:
            work.launch(Reason.SPAWNED, "started for the first time")
        else:
            work.launch(Reason.COMMANDED, "started by command")
    elif record.phase in ANSWERS_PROBES and work.must_restart:
        work.record = replace(record, crashes=())
        begin_restart(work)
    elif record.phase in (Phase.STOPPING, Phase.KILLING):
        work.record = replace(record, relaunch=record.relaunch or work.must_restart, stop_cause=Reason.NONE)
    elif record.phase is Phase.BLOCKED:
        look_now(work)
    elif record.phase is Phase.CLEARING:
        start_after_clearing(work)


def _stop(work: NodeStep, event: Assigned) -> None:
    work.record = record = replace(work.record, relaunch=False, crashes=(), stop_cause=Reason.NONE)
    is_stopped = record.phase is Phase.STOPPED and record.assignment.desired is Desired.STOPPED
    if record.phase in ANSWERS_PROBES:
        begin_stop(work, "stopping by command")
    elif record.phase is Phase.BLOCKED:
        look_now(work)
    elif record.phase in _NO_PROCESS and not is_stopped:
        cause = "stopped by command; the agent ran no process of it"
        end_launch(work, Ending(work.now.monotonic, Follows.STOP, cause, Reason.COMMANDED), event.leftovers)
    elif record.reason is Reason.NONE:  # the node is new on this agent, and shall not run
        work.explain(Reason.COMMANDED, "stopped by command; the agent ran no process of it")


def _on_launched(work: NodeStep, event: Launched) -> None:
    record = work.record
    if record.phase is not Phase.LAUNCHING or event.process.launch != record.launches:
        raise work.illegal(f"the start of launch {event.process.launch}")
    work.move(transitions.starting(record, event.process, work.now))
    if not work.should_run:
        begin_stop(work, "stopping by command")
    elif work.must_restart:
        begin_restart(work)
    else:
        work.watch_start()


def _on_launch_failed(work: NodeStep, event: LaunchFailed) -> None:
    if work.record.phase is not Phase.LAUNCHING:
        raise work.illegal("a failed launch")
    work.record_exit(ExitStatus(), Reason.START_FAILED)
    if work.should_run:
        work.after_end(
            ready_seconds=0.0,
            cause=event.message,
            waits_for=event.reason,
            gives_up_for=event.reason,
            passes=event.passes,
        )
    else:
        work.conclude(Reason.COMMANDED, event.message)


def _on_launch_blocked(work: NodeStep, suspect: Suspect) -> None:
    if work.record.phase is not Phase.LAUNCHING:
        raise work.illegal("a blocked launch")
    block(work, suspect)


def _on_exited(work: NodeStep, event: Exited) -> None:
    record = work.record
    if event.launch != record.launches or record.phase not in _PROCESS_KNOWN:
        return
    count_at_exit(work, event.oom)
    record = work.record
    how = event.oom.description if event.oom else event.status.description()
    now = work.now.monotonic
    if record.phase in ANSWERS_PROBES:
        if event.oom and event.oom.over_limit:
            work.record_exit(event.status, Reason.MEMORY_LIMIT)
            work.record = replace(work.record, relaunch=True)
            ending = Ending(now, Follows.POLICY, how, Reason.MEMORY_LIMIT, gives_up_for=Reason.MEMORY_LIMIT)
            end_launch(work, ending, event.leftovers, event.unseen)
            return
        if event.port_problem and record.phase is Phase.STARTING and not event.oom:
            _on_port_lost(work, event, how)
            return
        ending = ending_by_itself(work, event.status, how)
        work.record_exit(event.status, Reason.CRASHED)
        work.record = replace(work.record, relaunch=True)
        end_launch(work, ending, event.leftovers, event.unseen)
        return
    if record.stop_cause is not Reason.NONE:
        stop_cause = record.stop_cause
        work.record_exit(event.status, stop_cause)
        # Without credit for the time it was ready: its next start must wait.
        ending = Ending(now, Follows.POLICY, f"{STOP_CAUSES[stop_cause]}: {how}", stop_cause, stop_cause)
        end_launch(work, ending, event.leftovers, event.unseen)
        return
    killed = record.phase is Phase.KILLING
    work.record_exit(event.status, Reason.STOP_TIMEOUT if killed else Reason.COMMANDED)
    end_launch(work, Ending(now, Follows.COMMAND, how, timed_out=killed), event.leftovers, event.unseen)


def _on_port_lost(work: NodeStep, event: Exited, how: str) -> None:
    """The process exited before it was ready, and a connection has its port: this is a start that failed, no crash."""
    work.record_exit(event.status, Reason.START_FAILED)
    cause = f"{how} before it was ready; {event.port_problem}"
    ending = Ending(work.now.monotonic, Follows.POLICY, cause, Reason.PORT_TAKEN, Reason.PORT_TAKEN)
    end_launch(work, ending, event.leftovers, event.unseen)


def _on_probe(work: NodeStep, event: ProbePassed | ProbeFailed | ProbeNotMade) -> None:
    match event:
        case ProbePassed():
            _on_probe_passed(work, event)
        case ProbeFailed():
            _on_probe_failed(work, event)
        case ProbeNotMade():
            _on_probe_not_made(work, event)


def _on_probe_passed(work: NodeStep, event: ProbePassed) -> None:
    record = work.record
    if event.launch != record.launches or record.phase not in ANSWERS_PROBES:
        return
    if record.phase is Phase.STARTING and not work.rules.probed and event.endpoint_problem:
        work.do(ArmTimer(TimerName.PROBE, work.rules.start_probe_seconds))  # it may not listen yet
        return
    work.note_endpoint(event.endpoint_problem)
    if record.phase is Phase.RUNNING:
        if work.rules.probed:
            _recover_health(work)
        work.probe_later()
    elif work.rules.probed:
        work.ready(Health.HEALTHY)


def _recover_health(work: NodeStep) -> None:
    if work.record.reason is Reason.PROBE_FAILED and work.node.health is not Health.HEALTHY:
        work.explain(Reason.RECOVERED, "answers its health probe again")
    work.set_health(Health.HEALTHY, work.now.wall_ms)


def _on_probe_failed(work: NodeStep, event: ProbeFailed) -> None:
    record = work.record
    if event.launch != record.launches or record.phase not in ANSWERS_PROBES:
        return
    failures = work.node.probe_failures + 1
    first_ms = work.node.first_failure_ms or work.now.wall_ms
    work.node = replace(work.node, probe_failures=failures, probe_problem=event.message, first_failure_ms=first_ms)
    if record.phase is Phase.STARTING:
        if record.reason is Reason.START_TIMEOUT:
            work.do(ArmTimer(TimerName.PROBE, CONFIRM_PROBE_SECONDS))
        else:
            work.do(ArmTimer(TimerName.PROBE, work.rules.start_probe_seconds))
        return
    if failures >= work.rules.unhealthy_after_failures:
        if work.node.health is not Health.UNHEALTHY:
            work.set_health(Health.UNHEALTHY, work.failing_since_ms)
            work.record = replace(work.record, failing_since_ms=work.failing_since_ms)
            work.explain(
                Reason.PROBE_FAILED,
                f"its process runs, but {failures} health probes in a row failed: {event.message}",
            )
            if work.rules.restart_unhealthy_after_seconds > 0 and work.rules.restart.enabled:
                work.do(ArmTimer(TimerName.UNHEALTHY, work.rules.restart_unhealthy_after_seconds))
        work.do(ArmTimer(TimerName.PROBE, work.rules.probe_interval_seconds))
    else:
        work.do(ArmTimer(TimerName.PROBE, min(CONFIRM_PROBE_SECONDS, work.rules.probe_interval_seconds)))


def _on_probe_not_made(work: NodeStep, event: ProbeNotMade) -> None:
    """Nothing was seen, so nothing changes: the next probe comes as usual."""
    record = work.record
    if event.launch == record.launches and record.phase in ANSWERS_PROBES:
        starting = record.phase is Phase.STARTING
        again = max(work.rules.start_probe_seconds, CONFIRM_PROBE_SECONDS) if starting else None
        work.do(ArmTimer(TimerName.PROBE, work.rules.probe_interval_seconds if again is None else again))


def _on_memory(work: NodeStep, event: MemoryExceeded | MembersOomKilled) -> None:
    record = work.record
    if isinstance(event, MembersOomKilled):
        on_members_oom_killed(work, event)
        return
    if event.launch == record.launches and record.phase in ANSWERS_PROBES:
        begin_stop(work, event.message, Reason.MEMORY_LIMIT)


def _on_timer(work: NodeStep, event: TimerDue) -> None:
    record = work.record
    match event.timer, record.phase:
        case TimerName.BACK_OFF, Phase.WAITING:
            work.launch(restart_reason(record), f"restarted: {describe_last_end(record)}")
        case TimerName.STABLE, Phase.RUNNING:
            work.record = replace(record, unstable=False, stable_at=0.0)
        case TimerName.SETTLE, Phase.STARTING:
            work.ready(Health.UNKNOWN)
        case TimerName.PROBE, Phase.STARTING | Phase.RUNNING:
            work.do(RunProbe())
        case TimerName.UNHEALTHY, Phase.RUNNING:
            if work.node.health is Health.UNHEALTHY:
                waited = work.rules.restart_unhealthy_after_seconds
                begin_stop(
                    work, f"did not answer its health probe for {waited:g} s and is restarted", Reason.PROBE_FAILED
                )
        case TimerName.START_TIMEOUT, Phase.STARTING:
            work.set_health(Health.UNHEALTHY, work.failing_since_ms or work.now.wall_ms)
            why = f"; the last probe: {work.node.probe_problem}" if work.node.probe_problem else ""
            work.explain(
                Reason.START_TIMEOUT,
                f"its process runs, but did not pass its probe within "
                f"{work.rules.start_timeout_seconds:g} s; it keeps running{why}",
            )
        case TimerName.LOOK, Phase.BLOCKED:
            work.do(LookAtSuspect())
        case TimerName.GRACE, Phase.STOPPING:
            end_grace(work)
        case TimerName.REAP, Phase.KILLING:
            kill_again(work)
        case ((TimerName.LOOK | TimerName.GRACE | TimerName.REAP), Phase.CLEARING):
            on_clearing_timer(work, event.timer)
        case _:
            raise work.illegal(f"timer {event.timer}")
