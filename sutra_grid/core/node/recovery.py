"""How a node continues after the agent's start: a part of its state machine (``core.node.machine``). Pure."""

from __future__ import annotations

from dataclasses import replace

from sutra_grid.core.node import transitions
from sutra_grid.core.node.blocked import block
from sutra_grid.core.node.clearing import end_launch
from sutra_grid.core.node.events import Recovered
from sutra_grid.core.node.instructions import ArmTimer, TimerName
from sutra_grid.core.node.oom_kills import count_at_exit
from sutra_grid.core.node.record import Ending, ExitStatus, Follows, NodeRecord, ProcessIdentity, Suspect
from sutra_grid.core.node.step import ANSWERS_PROBES, NodeStep, describe_last_end
from sutra_grid.core.node.stop_sequence import begin_restart, begin_stop
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Reason

#: Phases in which the message already tells which members had to be killed.
_TOLD = frozenset({Phase.STOPPED, Phase.WAITING, Phase.FAILED, Phase.BLOCKED})


def on_recovered(work: NodeStep, event: Recovered) -> None:
    """Continue from the phase in the journal, with the process that was found, or without one."""
    if work.record.phase is not Phase.RECOVERING:
        raise work.illegal("a recovery")
    work.phase_before_start = event.was
    if event.was in _TOLD:
        work.record = replace(work.record, killed=())
    if event.process is not None:
        _recover_process(work, event)
    elif event.suspect is not None:
        _recover_beside(work, event, event.suspect)
    else:
        _recover_without_process(work, event)


def _recover_process(work: NodeStep, event: Recovered) -> None:
    assert event.process is not None
    if event.process != work.record.process:
        _learn_of_launch(work, event.process)
    record = work.record
    message = f"process {event.process.pid} was adopted at the agent's start{_damage(record)}"
    told = record.endpoint if record.endpoint == work.rules.endpoint else ""  # the configuration may have changed
    work.record = replace(record, process=event.process, message=message, endpoint=told)
    if not work.should_run:
        begin_stop(work, "stopping by command")
    elif work.must_restart:
        begin_restart(work)
    elif record.stop_cause is not Reason.NONE:
        begin_stop(work, f"{message}; its stop continues", record.stop_cause)
    elif event.was is Phase.RUNNING and record.ready_at is not None:
        work.move(transitions.adopted(work.record, Phase.RUNNING))
        work.do(ArmTimer(TimerName.PROBE, 0.0))
        work.watch_stability()
    else:
        work.move(transitions.adopted(work.record, Phase.STARTING))
        work.watch_start()


def _learn_of_launch(work: NodeStep, process: ProcessIdentity) -> None:
    """The process is of a launch that is not in the journal yet.

    The agent was killed between launch and journal, or the journal is an older copy. Then the process in the journal
    has ended since.
    """
    ended = work.record.process is not None
    if ended:
        work.record_exit(ExitStatus(), Reason.LOST, lived_seconds=0.0)
    record = work.record
    work.record = replace(
        record,
        launches=process.launch,
        launched_at=work.now.monotonic,
        launched_at_ms=work.now.wall_ms,
        ready_at=None,
        endpoint="",
        endpoint_problem="",
        restarts=record.restarts + (1 if ended or record.relaunch else 0),
        relaunch=False,
        launch_oom_kills=0,
        state_since_ms=work.now.wall_ms,
        failing_since_ms=0,
    )


def _recover_beside(work: NodeStep, event: Recovered, suspect: Suspect) -> None:
    """Something lives that may be the node's process. The journaled one has ended, unless it is the suspect."""
    if work.record.process is not None and work.record.process != suspect.identity:
        work.record_exit(ExitStatus(), Reason.REBOOTED if event.rebooted else Reason.LOST, lived_seconds=0.0)
    if event.was in ANSWERS_PROBES:
        work.record = replace(work.record, relaunch=True)
    block(work, replace(suspect, message=f"{suspect.message}{_damage(work.record)}"))


def _recover_without_process(work: NodeStep, event: Recovered) -> None:
    count_at_exit(work, event.oom)
    record = work.record
    lost = record.process is not None
    why = Reason.REBOOTED if event.rebooted else Reason.LOST
    cause = _how_it_was_lost(record, event)
    if event.oom:
        cause = f"{cause}; it {event.oom.description}"
    over_limit = event.oom is not None and event.oom.over_limit and work.should_run and event.was in ANSWERS_PROBES
    if over_limit or lost:
        work.record_exit(ExitStatus(), Reason.MEMORY_LIMIT if over_limit else why, lived_seconds=0.0)
    if over_limit or event.was in ANSWERS_PROBES:
        work.record = replace(work.record, relaunch=True)
    if over_limit:
        ending = _ending(work, Follows.POLICY, cause, Reason.MEMORY_LIMIT, Reason.MEMORY_LIMIT)
    elif event.was is Phase.CLEARING and record.ending is not None:
        ending = record.ending
    elif not work.should_run:
        ending = _ending(work, Follows.STOP, cause, why if lost else record.reason or Reason.COMMANDED)
    else:
        ending = _ending_before_start(work, event, cause)
    end_launch(work, ending, event.leftovers)


def _ending_before_start(work: NodeStep, event: Recovered, cause: str) -> Ending:
    """What follows for a node that should run and has no process."""
    record, why = work.record, Reason.REBOOTED if event.rebooted else Reason.LOST
    if event.was is Phase.BLOCKED:
        return _ending(work, Follows.LAUNCH, "started after the unproved process had ended", Reason.RECOVERED)
    if event.was is Phase.FAILED and not work.must_restart:
        return _ending(work, Follows.FAIL, record.message, record.reason)
    if event.was is Phase.WAITING:
        message = f"restarted after a reboot of the host: {describe_last_end(record)}"
        waits = _ending(work, Follows.WAIT, record.message, record.reason)
        return _ending(work, Follows.LAUNCH, message, why) if event.rebooted else waits
    if event.was not in ANSWERS_PROBES:
        return _ending(work, Follows.LAUNCH, record.message, record.reason or Reason.SPAWNED)
    if work.rules.restart.enabled or event.rebooted:
        return _ending(work, Follows.RESTART, cause, why)
    message = f"{cause}; not started again: restart_failed_nodes is off"
    return _ending(work, Follows.FAIL, message, Reason.RESTARTS_DISABLED)


def _ending(work: NodeStep, follows: Follows, cause: str, reason: Reason, gives_up_for: Reason = Reason.NONE) -> Ending:
    return Ending(work.now.monotonic, follows, cause, reason, gives_up_for)


def _how_it_was_lost(record: NodeRecord, event: Recovered) -> str:
    """Why the node has no process at the agent's start. The agent has looked for it."""
    if record.process is None:
        return record.message
    seen = f": {event.why}" if event.why else ""
    ended = "ended with the host's previous boot"
    how = ended if event.rebooted else f"no longer existed when the agent started{seen}"
    return f"process {record.process.pid} {how}{_damage(record)}"


def _damage(record: NodeRecord) -> str:
    return f"; {record.message}" if record.reason is Reason.JOURNAL_CORRUPT else ""
