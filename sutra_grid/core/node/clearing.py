"""What happens after the leader of a launch has ended: its members are ended before anything else is started.

A leftover process holds ports, files and shared memory. It gets the stop signal and what remains of the grace (after a
crash: a full grace), then SIGKILL. A part of ``core.node.machine``, and as pure.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import replace

from sutra_grid.core.node import transitions
from sutra_grid.core.node.events import MembersFound, MembersSignalled
from sutra_grid.core.node.instructions import ArmTimer, LookForMembers, SignalMembers, TimerName
from sutra_grid.core.node.record import (
    MAX_MEMBERS,
    NAMED_MEMBERS,
    Ending,
    ExitStatus,
    Follows,
    Member,
    NodeRecord,
    member_names,
)
from sutra_grid.core.node.step import NodeStep
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Reason

_FIRST_LOOK_SECONDS = 0.05
_SLOWEST_LOOK_SECONDS = 1.0
_ENDS = frozenset({Follows.COMMAND, Follows.POLICY, Follows.RESTART})  # what follows the end of a process


def ending_by_itself(work: NodeStep, status: ExitStatus, cause: str) -> Ending:
    """The process ended, and nobody had asked for it: it is started again, waits, or is given up."""
    ready_at, now = work.record.ready_at, work.now.monotonic
    ready_seconds = now - ready_at if ready_at is not None else 0.0
    if status.code == 0 and (ready_at is None or ready_seconds < work.rules.settle_seconds):
        when = "before it was ready" if ready_at is None else "right after its start"
        cause = f"{cause} {when}: the program must stay in the foreground (not daemonize)"
        reason = Reason.NOT_IN_FOREGROUND
        return Ending(now, Follows.POLICY, cause, reason, reason, ready_seconds)
    return Ending(now, Follows.POLICY, cause, Reason.BACK_OFF, Reason.CRASH_LOOP, ready_seconds)


def end_launch(work: NodeStep, ending: Ending, leftovers: tuple[Member, ...], unseen: str = "") -> None:
    """The leader has ended: end the members that are left, or continue at once when there are none.

    ``unseen``: why nobody can look for them now. Then nothing follows until somebody has looked.
    """
    if unseen:
        message = f"{_prefix(ending)}what its launch has left is looked for as soon as possible: {unseen}"
        work.move(transitions.clearing(work.record, ending, (), Reason.LIMIT_REACHED, message, 0.0))
        work.forget_health()
        work.do(ArmTimer(TimerName.LOOK, _SLOWEST_LOOK_SECONDS))
    elif leftovers:
        _begin_clearing(work, ending, leftovers)
    else:
        _follow(work, ending)


def _begin_clearing(work: NodeStep, ending: Ending, leftovers: tuple[Member, ...]) -> None:
    now, rules = work.now.monotonic, work.rules
    grace_ends_at = work.record.grace_ends_at or now + rules.stop_grace_seconds
    message = f"{_prefix(ending)}processes of its launch are left and get {_shown_signal(work, grace_ends_at)}: "
    message += member_names(leftovers)
    left = leftovers[:MAX_MEMBERS]
    cleared = transitions.clearing(work.record, ending, left, Reason.LEFTOVERS, message, grace_ends_at)
    if work.record.phase is Phase.CLEARING:
        work.record = cleared
    else:
        work.move(cleared)
    work.forget_health()
    if grace_ends_at > now:
        work.do(SignalMembers(rules.stop_signal))
        work.do(ArmTimer(TimerName.GRACE, grace_ends_at - now))
    else:
        _kill(work)
    work.do(ArmTimer(TimerName.LOOK, _FIRST_LOOK_SECONDS))


def on_members(work: NodeStep, event: MembersFound | MembersSignalled) -> None:
    """Members of the launch were looked for, or signalled."""
    if event.launch != work.record.launches:
        return
    if isinstance(event, MembersFound):
        _on_members_found(work, event)
    else:
        _on_members_signalled(work, event)


def on_clearing_timer(work: NodeStep, timer: TimerName) -> None:
    """A timer is due while leftovers are ended."""
    match timer:
        case TimerName.LOOK:
            work.do(LookForMembers())
        case TimerName.GRACE:
            _end_leftovers_grace(work)
        case _:
            _kill(work)  # they outlived SIGKILL: send it once more, and tell


def _on_members_found(work: NodeStep, event: MembersFound) -> None:
    """Continue when no member is left. Processes that appear before a launch are ended first."""
    record = work.record
    if record.phase is Phase.LAUNCHING:
        end_launch(work, Ending(work.now.monotonic, Follows.LAUNCH, record.message, record.reason), event.members)
        return
    if record.phase is not Phase.CLEARING or record.ending is None:
        return
    if event.unseen:
        work.do(ArmTimer(TimerName.LOOK, _SLOWEST_LOOK_SECONDS))
        return
    if event.members and not record.grace_ends_at:  # the first look that was possible
        _begin_clearing(work, record.ending, event.members)
        return
    if not event.members:
        _follow(work, record.ending)
        return
    is_over = work.now.monotonic >= record.grace_ends_at
    known = {member.key for member in record.leftovers}
    if any(member.key not in known for member in event.members[:MAX_MEMBERS]):
        work.record = replace(record, leftovers=event.members[:MAX_MEMBERS])
        work.do(SignalMembers(signal.SIGKILL if is_over else work.rules.stop_signal))
    elif is_over:
        work.record = replace(record, leftovers=event.members[:MAX_MEMBERS])
    work.do(ArmTimer(TimerName.LOOK, _look_seconds(work)))


def _on_members_signalled(work: NodeStep, event: MembersSignalled) -> None:
    """Keep which members got SIGKILL, and tell which ones it does not end, and why."""
    record = work.record
    hindered = {member.key: member for member in event.members if member.obstacle}
    work.record = record = replace(
        record, leftovers=tuple(hindered.get(member.key, member) for member in record.leftovers)
    )
    if event.signal == signal.SIGKILL:
        known = {member.key for member in record.killed}
        fresh = tuple(one for one in event.members if one.key not in known and not one.obstacle)
        work.record = replace(record, killed=(*record.killed, *fresh)[:MAX_MEMBERS])
        _explain_stuck(work, [one for one in event.members if one.obstacle or one.key in known])


def _end_leftovers_grace(work: NodeStep) -> None:
    """The leftovers outlived the grace: send SIGKILL to each."""
    record = work.record
    work.explain(
        Reason.LEFTOVERS,
        f"{_prefix(record.ending)}processes of its launch did not end within {work.rules.stop_grace_seconds:g} s of "
        f"the stop signal and get SIGKILL: {member_names(record.leftovers)}",
    )
    _kill(work)
    work.do(ArmTimer(TimerName.LOOK, _FIRST_LOOK_SECONDS))


def _explain_stuck(work: NodeStep, stuck: Sequence[Member]) -> None:
    """Say which members could not be signalled, or have outlived an earlier SIGKILL. Nothing is started beside them."""
    if not stuck or work.record.phase is not Phase.CLEARING:
        return
    told = ", ".join(f"{one}: {one.obstacle or 'the kernel has not ended it yet'}" for one in stuck[:NAMED_MEMBERS])
    count = "1 process" if len(stuck) == 1 else f"{len(stuck)} processes"
    work.explain(
        Reason.LEFTOVERS,
        f"{_prefix(work.record.ending)}{count} of its launch can't be ended ({told}). "
        "The agent starts nothing beside them, and continues when they have gone",
    )


def start_after_clearing(work: NodeStep) -> None:
    """A command wants the node to run: it starts without a back-off when the leftovers have gone."""
    record = work.record
    if record.ending is not None:
        how = "restarted by command" if work.must_restart else "started by command"
        ending = replace(record.ending, follows=Follows.LAUNCH, cause=how, reason=Reason.COMMANDED)
        work.record = replace(record, ending=ending, crashes=(), relaunch=record.relaunch or work.must_restart)


def killed_words(record: NodeRecord) -> str:
    """Which members had to be killed since the last start; empty when none."""
    if not record.killed:
        return ""
    count = len(record.killed)
    noun = "1 other process of its launch was" if count == 1 else f"{count} other processes of its launch were"
    return f"{noun} killed with SIGKILL: {member_names(record.killed)}"


def _kill(work: NodeStep) -> None:
    work.do(SignalMembers(signal.SIGKILL))
    work.do(ArmTimer(TimerName.REAP, work.rules.reap_seconds))


def _look_seconds(work: NodeStep) -> float:
    """Half of the time that has passed since the last signal: soon at first, and rarely when a process is stuck."""
    record, now = work.record, work.now.monotonic
    began = record.ending.at if record.ending is not None else now
    since = record.grace_ends_at if now >= record.grace_ends_at > began else began
    return min(max((now - since) / 2, _FIRST_LOOK_SECONDS), _SLOWEST_LOOK_SECONDS)


def _follow(work: NodeStep, ending: Ending) -> None:
    """No member is left: do what the assignment asks for."""
    record, words = work.record, killed_words(work.record)
    if words and record.exits:
        newest, *older = record.exits
        work.record = replace(record, exits=(replace(newest, killed=words), *older))
    if not work.should_run:
        _conclude(work, ending, words)
        return
    cause = f"{ending.cause}; {words}" if words else ending.cause
    match ending.follows:
        case Follows.COMMAND:
            work.launch(Reason.COMMANDED, f"restarted by command; {words}" if words else "restarted by command")
        case Follows.RESTART:
            work.launch(ending.reason, f"restarted: {cause}")
        case Follows.LAUNCH | Follows.STOP:
            work.launch(ending.reason, cause)
        case Follows.POLICY:
            work.after_end(
                ready_seconds=ending.ready_seconds,
                cause=cause,
                waits_for=ending.reason,
                gives_up_for=ending.gives_up_for,
                passes=ending.reason is Reason.PORT_TAKEN,  # of an exit, only when a connection has the port
            )
        case Follows.WAIT:
            work.wait_until(work.record.resume_at, ending.reason, cause)
        case Follows.FAIL:
            work.move(transitions.failed(work.record, ending.reason, cause))


def _conclude(work: NodeStep, ending: Ending, words: str) -> None:
    """The node shall not run: it is stopped or removed."""
    if ending.timed_out:
        grace = work.rules.stop_grace_seconds
        message = f"did not end within {grace:g} s of its stop signal and was killed"
    elif ending.follows is Follows.STOP:
        message = ending.cause
    elif ending.follows in _ENDS:
        message = f"stopped by command: {ending.cause}"
    else:
        message = "stopped by command"
    reason = ending.reason if ending.follows is Follows.STOP else Reason.COMMANDED
    if ending.timed_out or words:
        reason = Reason.STOP_TIMEOUT
    work.conclude(reason, f"{message}; {words}" if words else message)


def _prefix(ending: Ending | None) -> str:
    return f"{ending.cause}; " if ending is not None and ending.cause else ""


def _shown_signal(work: NodeStep, grace_ends_at: float) -> str:
    number = work.rules.stop_signal if grace_ends_at > work.now.monotonic else signal.SIGKILL
    return signal.Signals(number).name
