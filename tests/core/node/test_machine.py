"""The node's machine by plain values: what happens, and what is asked for then."""

from dataclasses import replace

import pytest
from support.texts import mentions

from sutra_grid.core.node.events import (
    Assigned,
    Exited,
    Launched,
    LaunchFailed,
    MembersOomKilled,
    MemoryExceeded,
    NodeEvent,
    Now,
    Obstacle,
    OomKill,
    ProbeFailed,
    ProbeNotMade,
    ProbePassed,
    Recovered,
    TimerDue,
)
from sutra_grid.core.node.instructions import (
    ArmTimer,
    CancelTimers,
    DeleteJournal,
    Instruction,
    Launch,
    RunProbe,
    SendSignal,
    SignalMembers,
    TimerName,
    WriteJournal,
)
from sutra_grid.core.node.machine import is_settled, step
from sutra_grid.core.node.record import ExitStatus, NodeRecord, NodeRuntime, ProcessIdentity
from sutra_grid.core.node.rules import NodeRules
from sutra_grid.core.node.step import NodeStep
from sutra_grid.core.restart import RestartPolicy
from sutra_grid.core.states import IllegalTransition, Phase
from sutra_grid.core.types import Assignment, Desired, Health, NodeSpec, Reason

SPEC = NodeSpec("storage", 50051, "/data/node-1", 512)
GONE = Obstacle(Reason.UNKNOWN_ENGINE, "agent agent-1 has no engine 'x'")
RULES = NodeRules(restart=RestartPolicy(stable_seconds=30, max_crashes=3, jitter=0.0))


class Driver:
    """A node that is driven event by event; time is a number."""

    def __init__(self, node: NodeRuntime | None = None, rules: NodeRules = RULES) -> None:
        new = Assignment("node-1", 0, Desired.STOPPED, SPEC)
        self.node = node or NodeRuntime(NodeRecord(new))
        self.rules = rules
        self.now = 1000.0
        self.done: tuple[Instruction, ...] = ()

    def on(self, event: NodeEvent) -> "Driver":
        now = Now(self.now, 1_700_000_000_000 + int(self.now * 1000))
        self.node, self.done = step(self.node, event, now, self.rules)
        return self

    def assign(self, desired: Desired, generation: int | None = None, restart: bool = False) -> "Driver":
        held = self.record.assignment
        new = generation if generation is not None else held.generation + 1
        restart_generation = new if restart else held.restart_generation
        return self.on(Assigned(Assignment("node-1", new, desired, SPEC, restart_generation)))

    def launched(self) -> "Driver":
        return self.on(Launched(identity(self.record.launches)))

    def running(self) -> "Driver":
        self.assign(Desired.RUNNING).launched()
        return self.on(ProbePassed(self.record.launches))

    def exited(self, code: int | None = 1, signal: int = 0) -> "Driver":
        return self.on(Exited(self.record.launches, ExitStatus(code, signal)))

    @property
    def record(self) -> NodeRecord:
        return self.node.record

    @property
    def phase(self) -> Phase:
        return self.record.phase


def identity(launch: int) -> ProcessIdentity:
    return ProcessIdentity("boot", 4000 + launch, 77, launch)


def recovering(record: NodeRecord) -> Driver:
    return Driver(NodeRuntime(replace(record, phase=Phase.RECOVERING)))


def test_the_intent_is_journaled_before_the_launch() -> None:
    driver = Driver().assign(Desired.RUNNING)
    assert driver.done == (WriteJournal(), CancelTimers(), Launch())
    assert driver.phase is Phase.LAUNCHING
    assert driver.record.launches == 1
    assert driver.record.reason is Reason.SPAWNED


def test_the_phase_changes_only_by_the_transitions_table() -> None:
    work = NodeStep(Driver().running().node, Now(1000.0, 1), RULES)
    with pytest.raises(IllegalTransition, match="past the transitions table"):
        work.record = replace(work.record, phase=Phase.STOPPED)
    with pytest.raises(IllegalTransition, match="can't follow"):
        work.move(replace(work.record, phase=Phase.STOPPED))


def test_the_cause_of_a_failed_start_is_kept_until_the_next_start() -> None:
    driver = Driver().assign(Desired.RUNNING).on(LaunchFailed(Reason.PORT_TAKEN, "port 50051 is in use"))
    assert (driver.phase, driver.record.end_cause) == (Phase.WAITING, "port 50051 is in use")
    assert driver.record.message.startswith(driver.record.end_cause)
    driver.on(TimerDue(TimerName.BACK_OFF))
    assert (driver.phase, driver.record.end_cause) == (Phase.LAUNCHING, "")


def test_it_runs_when_its_probe_has_passed() -> None:
    driver = Driver().assign(Desired.RUNNING).launched()
    assert driver.phase is Phase.STARTING
    assert not is_settled(driver.node)
    driver.on(TimerDue(TimerName.PROBE))
    assert driver.done == (RunProbe(),)
    driver.on(ProbePassed(1))
    assert driver.phase is Phase.RUNNING
    assert driver.node.health is Health.HEALTHY
    assert is_settled(driver.node)


def test_without_a_probe_it_runs_when_it_has_lived_a_while() -> None:
    driver = Driver(rules=replace(RULES, probed=False)).assign(Desired.RUNNING).launched()
    assert ArmTimer(TimerName.SETTLE, 1.0) in driver.done
    driver.on(TimerDue(TimerName.SETTLE))
    assert (driver.phase, driver.node.health) == (Phase.RUNNING, Health.UNKNOWN)


def test_an_old_generation_changes_nothing() -> None:
    driver = Driver().running()
    before = driver.node
    driver.assign(Desired.STOPPED, generation=1)
    assert driver.node == before
    assert driver.done == ()


def test_a_newer_generation_of_a_running_node_is_only_journaled() -> None:
    driver = Driver().running().assign(Desired.RUNNING)
    assert driver.done == (WriteJournal(),)
    assert (driver.phase, driver.record.assignment.generation) == (Phase.RUNNING, 2)


def test_after_a_stable_run_a_crash_is_followed_by_a_restart_at_once() -> None:
    driver = Driver().running()
    driver.now += 31
    driver.exited(None, 9)
    assert driver.done == (WriteJournal(), CancelTimers(), Launch())
    ended = driver.record.exits[0]
    assert (ended.code, ended.signal, ended.uptime_ms, ended.reason) == (None, 9, 31_000, Reason.CRASHED)
    assert mentions(driver.record.message, "signal 9", "SIGKILL")
    assert driver.launched().record.restarts == 1


def test_after_any_crash_a_node_is_unstable_until_it_was_ready_for_long_enough() -> None:
    driver = Driver().running()
    assert not driver.record.unstable
    driver.now += 100
    driver.exited().launched()
    assert driver.record.unstable, "it was stable before, and is started at once"
    driver.on(ProbePassed(driver.record.launches))
    assert ArmTimer(TimerName.STABLE, 30) in driver.done
    assert driver.record.stable_at == driver.now + 30
    driver.now += 30
    driver.on(TimerDue(TimerName.STABLE))
    assert not driver.record.unstable
    assert WriteJournal() in driver.done


def test_a_crash_before_it_is_stable_and_a_command_do_not_make_a_node_stable() -> None:
    driver = Driver().running().exited()
    driver.on(TimerDue(TimerName.BACK_OFF)).launched().on(ProbePassed(driver.record.launches))
    assert driver.record.unstable
    driver.assign(Desired.RUNNING, restart=True).exited(code=0).launched()
    assert driver.record.unstable, "a restart by command shows nothing"
    driver.assign(Desired.STOPPED).exited(code=0)
    assert not driver.record.unstable, "what was stopped on purpose begins anew"


def test_a_node_that_never_crashed_has_no_timer_for_its_stability() -> None:
    driver = Driver().running()
    assert not any(isinstance(done, ArmTimer) and done.timer is TimerName.STABLE for done in driver.done)


def test_an_early_crash_waits_with_a_back_off() -> None:
    driver = Driver().running().exited(3)
    assert driver.phase is Phase.WAITING
    assert ArmTimer(TimerName.BACK_OFF, 1.0) in driver.done
    assert driver.record.resume_at == driver.now + 1.0
    assert driver.record.reason is Reason.BACK_OFF
    assert mentions(driver.record.message, "code 3")
    assert is_settled(driver.node)
    driver.on(TimerDue(TimerName.BACK_OFF))
    assert Launch() in driver.done


def test_a_crash_loop_ends_as_failed_and_a_command_starts_it_again() -> None:
    driver = Driver().running().exited(3)
    for _ in range(2):
        driver.on(TimerDue(TimerName.BACK_OFF)).launched().exited(3)
    assert driver.phase is Phase.FAILED
    assert driver.record.reason is Reason.CRASH_LOOP
    assert mentions(driver.record.message, "code 3")
    assert driver.record.restarts == 2
    driver.assign(Desired.RUNNING)
    assert driver.phase is Phase.LAUNCHING
    assert driver.record.crashes == ()


@pytest.mark.parametrize(("ready", "seconds"), [(False, 0.01), (False, 20.0), (True, 0.4)])
def test_a_program_that_exits_with_0_at_its_start_is_told_to_stay_in_the_foreground(
    ready: bool, seconds: float
) -> None:
    driver = Driver().running() if ready else Driver().assign(Desired.RUNNING).launched()
    driver.now += seconds
    driver.exited(0)
    assert (driver.phase, driver.record.reason) == (Phase.WAITING, Reason.NOT_IN_FOREGROUND)
    assert mentions(driver.record.end_cause, "code 0", "foreground", "ready" if not ready else "start")
    assert driver.record.exits[0].reason is Reason.CRASHED
    for _ in range(2):
        driver.on(TimerDue(TimerName.BACK_OFF)).launched().exited(0)
    assert (driver.phase, driver.record.reason) == (Phase.FAILED, Reason.NOT_IN_FOREGROUND)


def test_an_exit_with_0_later_or_with_another_code_says_nothing_of_the_foreground() -> None:
    late = Driver().running()
    late.now += 5
    assert late.exited(0).record.reason is Reason.BACK_OFF
    assert Driver().assign(Desired.RUNNING).launched().exited(1).record.reason is Reason.BACK_OFF


def test_the_stop_sequence_goes_from_signal_to_kill_to_reap() -> None:
    driver = Driver().running().assign(Desired.STOPPED)
    assert driver.done == (WriteJournal(), CancelTimers(), SendSignal(15), ArmTimer(TimerName.GRACE, 10.0))
    driver.on(TimerDue(TimerName.GRACE))
    assert driver.phase is Phase.KILLING
    assert SignalMembers(9) in driver.done
    before = driver.record.message
    driver.on(TimerDue(TimerName.REAP))
    assert driver.record.message != before, "it says that the process is still there"
    assert mentions(driver.record.message, "SIGKILL")
    driver.exited(None, 9)
    assert (driver.phase, driver.record.reason) == (Phase.STOPPED, Reason.STOP_TIMEOUT)
    assert is_settled(driver.node)


def test_a_stop_that_meets_the_crash_first_never_launches() -> None:
    driver = Driver().running().exited(1).assign(Desired.STOPPED)
    assert driver.phase is Phase.STOPPED
    assert CancelTimers() in driver.done
    assert Launch() not in driver.done


def test_a_crash_that_meets_the_stop_first_is_the_stop() -> None:
    driver = Driver().running().assign(Desired.STOPPED).exited(None, 9)
    assert driver.phase is Phase.STOPPED
    assert driver.record.exits[0].reason is Reason.COMMANDED


def test_a_restart_stops_once_and_starts_once() -> None:
    driver = Driver().running().assign(Desired.RUNNING, restart=True)
    assert driver.phase is Phase.STOPPING
    assert not is_settled(driver.node)
    driver.exited(0)
    assert driver.phase is Phase.LAUNCHING
    driver.launched().on(ProbePassed(2))
    assert (driver.phase, driver.record.restarts, driver.record.launch_generation) == (Phase.RUNNING, 1, 2)
    assert driver.assign(Desired.RUNNING).phase is Phase.RUNNING


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.RUNNING])
def test_a_restart_whose_start_would_fail_is_taken_back_before_anything_is_stopped(phase: Phase) -> None:
    driver = Driver().assign(Desired.RUNNING).launched() if phase is Phase.STARTING else Driver().running()
    restart = Assigned(Assignment("node-1", 5, Desired.RUNNING, SPEC, 5), obstacle=GONE)
    driver.on(restart)
    assert driver.phase is phase
    assert driver.done == (WriteJournal(),)
    assert (driver.record.assignment.generation, driver.record.assignment.restart_generation) == (5, 0)
    assert driver.record.reason is Reason.UNKNOWN_ENGINE
    assert mentions(driver.record.message, "restart refused", identity(1).pid, GONE.message)
    assert is_settled(driver.node)
    assert driver.assign(Desired.RUNNING).phase is phase, "a start restarts nothing"
    assert driver.on(restart).phase is phase, "and neither does the same assignment"
    assert driver.assign(Desired.RUNNING, restart=True).phase is Phase.STOPPING


def test_an_obstacle_counts_for_a_restart_only() -> None:
    held = Assigned(Assignment("node-1", 5, Desired.STOPPED, SPEC, 5), obstacle=GONE)
    assert Driver().running().on(held).phase is Phase.STOPPING
    stopping = Driver().running().assign(Desired.STOPPED)
    again = Assigned(Assignment("node-1", 5, Desired.RUNNING, SPEC, 5), obstacle=GONE)
    assert stopping.on(again).exited(0).phase is Phase.LAUNCHING


def test_a_start_after_a_stop_is_no_restart() -> None:
    driver = Driver().running().assign(Desired.STOPPED).exited(0).assign(Desired.RUNNING).launched()
    assert driver.record.restarts == 0


def test_a_start_that_overtakes_a_stop_lets_it_end_first() -> None:
    driver = Driver().running().assign(Desired.STOPPED).assign(Desired.RUNNING)
    assert driver.phase is Phase.STOPPING
    assert Launch() in driver.exited(0).done


def test_a_removed_node_is_forgotten_after_its_process_ended() -> None:
    driver = Driver().running().assign(Desired.ABSENT)
    assert DeleteJournal() not in driver.done
    driver.exited(0)
    assert driver.phase is Phase.REMOVED
    assert driver.done == (CancelTimers(), DeleteJournal())
    assert is_settled(driver.node)


def test_a_launch_that_failed_is_told_with_its_reason_and_tried_again() -> None:
    driver = Driver().assign(Desired.RUNNING).on(LaunchFailed(Reason.PORT_TAKEN, "port 1 is held by pid 2"))
    assert (driver.phase, driver.record.reason) == (Phase.WAITING, Reason.PORT_TAKEN)
    assert driver.record.exits[0].reason is Reason.START_FAILED
    assert is_settled(driver.node)


def test_a_launch_that_failed_waits_also_where_every_run_counts_as_stable() -> None:
    driver = Driver(rules=replace(RULES, restart=RestartPolicy(stable_seconds=0))).assign(Desired.RUNNING)
    driver.on(LaunchFailed(Reason.BINARY_MISSING, "not there"))
    assert driver.phase is Phase.WAITING


PASSING = [
    LaunchFailed(Reason.DISK_FULL, "no space"),
    LaunchFailed(Reason.PORT_TAKEN, "port 1 is in use by a connection", passes=True),
]


@pytest.mark.parametrize("failure", PASSING, ids=lambda failure: failure.reason)
def test_what_passes_by_itself_is_waited_out_with_the_back_off_and_is_no_crash(failure: LaunchFailed) -> None:
    driver = Driver().assign(Desired.RUNNING)
    delays = []
    for _ in range(10):
        driver.on(failure)
        assert (driver.phase, driver.record.reason) == (Phase.WAITING, failure.reason)
        delays.append(driver.record.resume_at - driver.now)
        driver.on(TimerDue(TimerName.BACK_OFF))
    assert driver.phase is Phase.LAUNCHING
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert (driver.record.crashes, driver.record.restarts) == ((), 0)
    driver.launched().on(ProbePassed(driver.record.launches)).exited(1)
    assert (driver.phase, driver.record.reason) == (Phase.WAITING, Reason.BACK_OFF), "its first crash"


@pytest.mark.parametrize("failure", PASSING, ids=lambda failure: failure.reason)
def test_what_passes_by_itself_is_waited_out_though_restarts_are_off(failure: LaunchFailed) -> None:
    off = NodeRules(restart=RestartPolicy(enabled=False))
    driver = Driver(rules=off).assign(Desired.RUNNING).on(failure)
    assert (driver.phase, driver.record.reason) == (Phase.WAITING, failure.reason)
    driver.on(TimerDue(TimerName.BACK_OFF)).launched()
    driver.on(Exited(driver.record.launches, ExitStatus(1), port_problem="port 1 is in use by a connection"))
    assert (driver.phase, driver.record.reason) == (Phase.WAITING, Reason.PORT_TAKEN)
    driver.on(TimerDue(TimerName.BACK_OFF)).launched().on(ProbePassed(driver.record.launches)).exited(1)
    assert (driver.phase, driver.record.reason) == (Phase.FAILED, Reason.RESTARTS_DISABLED), "a crash is final"


def test_starts_that_fail_in_a_row_do_not_push_out_how_the_process_ended() -> None:
    driver = Driver().running().on(Exited(1, ExitStatus(signal=9))).on(TimerDue(TimerName.BACK_OFF))
    for _ in range(10):
        driver.now += 1.0
        driver.on(PASSING[1]).on(TimerDue(TimerName.BACK_OFF))
    failed, killed = driver.record.exits
    assert (failed.reason, killed.signal) == (Reason.START_FAILED, 9)
    assert failed.at_ms > killed.at_ms + 5_000, "of the tries the last one is kept"
    driver.launched().exited(1).on(TimerDue(TimerName.BACK_OFF)).on(PASSING[1])
    assert [ended.code for ended in driver.record.exits] == [None, 1, None, None]


def test_a_port_that_a_program_listens_on_is_not_waited_for_without_end() -> None:
    driver = Driver().assign(Desired.RUNNING)
    for _ in range(RULES.restart.max_crashes - 1):
        driver.on(LaunchFailed(Reason.PORT_TAKEN, "port 1 is in use by pid 2")).on(TimerDue(TimerName.BACK_OFF))
    driver.on(LaunchFailed(Reason.PORT_TAKEN, "port 1 is in use by pid 2"))
    assert (driver.phase, driver.record.reason) == (Phase.FAILED, Reason.PORT_TAKEN)


def test_an_exit_before_it_was_ready_while_a_connection_has_its_port_is_a_failed_start() -> None:
    driver = Driver().assign(Desired.RUNNING)
    for _ in range(10):
        driver.launched()
        driver.on(Exited(driver.record.launches, ExitStatus(1), port_problem="port 1 is in use by a connection"))
        assert (driver.phase, driver.record.reason) == (Phase.WAITING, Reason.PORT_TAKEN)
        assert "exited with code 1 before it was ready; port 1 is in use" in driver.record.message
        driver.on(TimerDue(TimerName.BACK_OFF))
    assert (driver.record.crashes, driver.record.restarts) == ((), 0)
    assert driver.record.exits[0].reason is Reason.START_FAILED


def test_a_running_node_that_crashes_has_crashed_whatever_has_its_port_then() -> None:
    driver = Driver().running()
    driver.on(Exited(driver.record.launches, ExitStatus(1), port_problem="port 1 is in use by a connection"))
    assert (driver.phase, driver.record.reason) == (Phase.WAITING, Reason.BACK_OFF)
    assert len(driver.record.crashes) == 1


def test_with_restarts_off_a_crash_is_final() -> None:
    driver = Driver(rules=NodeRules(restart=RestartPolicy(enabled=False))).running().exited(0)
    assert (driver.phase, driver.record.reason) == (Phase.FAILED, Reason.RESTARTS_DISABLED)


def test_events_of_an_earlier_launch_change_nothing() -> None:
    driver = Driver().running().exited(1).on(TimerDue(TimerName.BACK_OFF)).launched()
    before = driver.node
    for stale in (Exited(1, ExitStatus(0)), ProbePassed(1), ProbeFailed(1, "no")):
        assert driver.on(stale).node == before
        assert driver.done == ()


def test_a_slow_start_is_told_but_left_alone() -> None:
    driver = Driver().assign(Desired.RUNNING).launched()
    assert not is_settled(driver.node)
    driver.on(TimerDue(TimerName.START_TIMEOUT))
    assert is_settled(driver.node), "a command does not wait longer than the start timeout"
    assert (driver.phase, driver.node.health) == (Phase.STARTING, Health.UNHEALTHY)
    assert not [one for one in driver.done if isinstance(one, SendSignal)]
    driver.on(ProbePassed(1))
    assert (driver.phase, driver.record.reason) == (Phase.RUNNING, Reason.RECOVERED)


def test_a_restart_of_a_slow_start_acts_at_once() -> None:
    driver = Driver().assign(Desired.RUNNING).launched().on(TimerDue(TimerName.START_TIMEOUT))
    driver.assign(Desired.RUNNING, restart=True)
    assert driver.phase is Phase.STOPPING
    assert not is_settled(driver.node)
    assert [one for one in driver.done if isinstance(one, SendSignal)]


def test_a_slow_start_says_how_the_last_probe_failed() -> None:
    driver = Driver().assign(Desired.RUNNING).launched().on(ProbeFailed(1, "timed out"))
    driver.on(TimerDue(TimerName.START_TIMEOUT))
    assert driver.record.message.endswith("the last probe: timed out")


def test_a_hung_node_stays_running_and_is_unhealthy_until_it_answers() -> None:
    driver = Driver().running()
    for _ in range(3):
        driver.on(ProbeFailed(1, "timed out"))
    assert (driver.phase, driver.node.health) == (Phase.RUNNING, Health.UNHEALTHY)
    assert (driver.record.reason, "timed out" in driver.record.message) == (Reason.PROBE_FAILED, True)
    driver.on(ProbePassed(1))
    assert (driver.node.health, driver.record.reason) == (Health.HEALTHY, Reason.RECOVERED)


def test_a_probe_that_could_not_be_made_changes_nothing_and_is_made_again() -> None:
    driver = Driver().running()
    before = driver.node
    for _ in range(5):
        driver.on(ProbeNotMade(1))
    assert driver.node == before
    assert TimerName.PROBE in [one.timer for one in driver.done if isinstance(one, ArmTimer)]


HUNG = replace(RULES, restart_unhealthy_after_seconds=60)


def hung(driver: Driver) -> Driver:
    for _ in range(3):
        driver.on(ProbeFailed(driver.record.launches, "no answer"))
    return driver


def test_a_hung_node_is_left_to_a_person_by_default() -> None:
    assert TimerName.UNHEALTHY not in [one.timer for one in hung(Driver().running()).done if isinstance(one, ArmTimer)]


def test_a_hung_node_is_restarted_by_the_stop_sequence_after_a_while_when_that_is_configured() -> None:
    driver = hung(Driver(rules=HUNG).running())
    assert ArmTimer(TimerName.UNHEALTHY, 60) in driver.done
    driver.now += 60
    driver.on(TimerDue(TimerName.UNHEALTHY))
    assert (driver.phase, driver.record.reason) == (Phase.STOPPING, Reason.PROBE_FAILED)
    assert SendSignal(15) in driver.done
    driver.on(TimerDue(TimerName.GRACE)).exited(None, 9)
    assert (driver.phase, driver.record.reason) == (Phase.WAITING, Reason.PROBE_FAILED)
    assert driver.record.exits[0].reason is Reason.PROBE_FAILED
    driver.on(TimerDue(TimerName.BACK_OFF)).launched().on(ProbePassed(driver.record.launches))
    assert (driver.phase, driver.record.reason, driver.record.restarts) == (Phase.RUNNING, Reason.PROBE_FAILED, 1)
    driver.on(ProbePassed(driver.record.launches))
    assert driver.record.reason is Reason.PROBE_FAILED


def test_a_hung_node_that_answers_again_is_not_restarted() -> None:
    driver = hung(Driver(rules=HUNG).running()).on(ProbePassed(1)).on(TimerDue(TimerName.UNHEALTHY))
    assert driver.phase is Phase.RUNNING
    assert driver.record.reason is Reason.RECOVERED


def test_with_restarts_off_a_hung_node_is_only_shown() -> None:
    off = replace(HUNG, restart=RestartPolicy(enabled=False))
    assert ArmTimer(TimerName.UNHEALTHY, 60) not in hung(Driver(rules=off).running()).done


def test_a_node_over_its_memory_limit_is_restarted_and_counted_however_long_it_ran() -> None:
    driver = Driver().running()
    for count in (1, 2):
        driver.now += 100
        driver.on(MemoryExceeded(driver.record.launches, "uses 2 of 1"))
        assert (driver.phase, driver.record.reason, driver.record.message) == (
            Phase.STOPPING,
            Reason.MEMORY_LIMIT,
            "uses 2 of 1",
        )
        driver.exited(0)
        assert (driver.phase, len(driver.record.crashes)) == (Phase.WAITING, count)
        driver.on(TimerDue(TimerName.BACK_OFF)).launched().on(ProbePassed(driver.record.launches))
        assert (driver.record.reason, driver.record.restarts) == (Reason.MEMORY_LIMIT, count)
    driver.on(MemoryExceeded(driver.record.launches, "uses 2 of 1")).exited(0)
    assert (driver.phase, driver.record.reason) == (Phase.FAILED, Reason.MEMORY_LIMIT)


OVER = OomKill(True, "was killed by the kernel: over its limit")


def test_a_kill_by_the_kernel_for_the_limit_counts_in_the_back_off_however_long_the_node_was_ready() -> None:
    driver = Driver().running()
    for count in (1, 2):
        driver.now += 1000  # stable: a crash would start again at once
        driver.on(Exited(count, ExitStatus(signal=9), OVER))
        assert (driver.phase, driver.record.reason) == (Phase.WAITING, Reason.MEMORY_LIMIT)
        assert driver.record.message.startswith(OVER.description)
        assert (driver.record.exits[0].reason, driver.record.exits[0].signal) == (Reason.MEMORY_LIMIT, 9)
        driver.on(TimerDue(TimerName.BACK_OFF)).launched().on(ProbePassed(driver.record.launches))
        assert (driver.record.reason, driver.record.restarts) == (Reason.MEMORY_LIMIT, count)


def test_a_kill_for_lack_of_memory_on_the_host_is_a_crash_with_that_message() -> None:
    driver = Driver().running()
    driver.on(Exited(1, ExitStatus(signal=9), OomKill(False, "was killed by the kernel: no memory was left")))
    assert (driver.record.exits[0].reason, driver.phase) == (Reason.CRASHED, Phase.WAITING)
    assert "no memory was left" in driver.record.message


def test_kills_that_the_leader_survives_are_told_once_and_counted() -> None:
    driver = Driver().running()
    driver.on(MembersOomKilled(1, 2, "its memory reached 96 MiB"))
    assert (driver.phase, driver.record.reason, driver.record.oom_kills) == (Phase.RUNNING, Reason.OOM_KILLED, 2)
    assert mentions(driver.record.message, "kernel", "2 of its processes", "96 MiB")
    for stale in (MembersOomKilled(1, 2, "again"), MembersOomKilled(7, 9, "another launch")):
        before = driver.node
        assert driver.on(stale).node == before
    driver.on(MembersOomKilled(1, 3, "its memory reached 96 MiB"))
    assert driver.record.oom_kills == 3
    driver.now += 1000
    driver.on(Exited(1, ExitStatus(signal=9), OVER)).on(TimerDue(TimerName.BACK_OFF)).launched()
    assert (driver.record.oom_kills, driver.record.launch_oom_kills) == (4, 0), "a launch has a group of its own"


def test_kills_while_a_node_stops_are_counted_and_its_stop_stays_the_reason() -> None:
    driver = Driver().running().assign(Desired.STOPPED).on(MembersOomKilled(1, 1, "no memory"))
    assert (driver.phase, driver.record.reason, driver.record.oom_kills) == (Phase.STOPPING, Reason.COMMANDED, 1)


def test_a_kill_by_the_kernel_while_no_agent_ran_is_told_and_counted() -> None:
    again = recovering(Driver().running().record).on(Recovered(Phase.RUNNING, None, oom=OVER))
    assert (again.phase, again.record.reason) == (Phase.WAITING, Reason.MEMORY_LIMIT)
    assert again.record.exits[0].reason is Reason.MEMORY_LIMIT
    assert len(again.record.crashes) == 1
    stopped = Driver().running().assign(Desired.STOPPED)
    gone = recovering(stopped.record).on(Recovered(Phase.STOPPING, None, oom=OVER))
    assert (gone.phase, gone.record.reason) == (Phase.STOPPED, Reason.LOST)


def test_a_command_during_a_restart_by_the_agent_wins() -> None:
    driver = Driver().running().on(MemoryExceeded(1, "uses 2 of 1")).assign(Desired.STOPPED).exited(0)
    assert (driver.phase, driver.record.reason) == (Phase.STOPPED, Reason.COMMANDED)
    driver = Driver().running().on(MemoryExceeded(1, "uses 2 of 1")).assign(Desired.RUNNING, restart=True).exited(0)
    assert (driver.phase, driver.record.reason) == (Phase.LAUNCHING, Reason.COMMANDED)


def test_a_restart_by_the_agent_that_its_end_cut_short_is_finished() -> None:
    driver = Driver().running().on(MemoryExceeded(1, "uses 2 of 1"))
    again = recovering(driver.record).on(Recovered(Phase.STOPPING, identity(1)))
    assert (again.phase, again.record.reason) == (Phase.STOPPING, Reason.MEMORY_LIMIT)
    again.exited(0)
    assert (again.phase, again.record.exits[0].reason) == (Phase.WAITING, Reason.MEMORY_LIMIT)


def test_impossible_events_raise_with_the_history() -> None:
    driver = Driver().running()
    with pytest.raises(IllegalTransition, match="launching -> starting"):
        driver.on(TimerDue(TimerName.GRACE))
    with pytest.raises(IllegalTransition):
        driver.on(Launched(identity(1)))


def test_an_adopted_process_runs_on_as_it_is() -> None:
    record = Driver().running().record
    driver = recovering(record).on(Recovered(Phase.RUNNING, identity(1)))
    assert (driver.phase, driver.record.reason) == (Phase.RUNNING, Reason.ADOPTED)
    assert (driver.record.restarts, driver.record.launched_at) == (0, record.launched_at)
    assert not [one for one in driver.done if isinstance(one, SendSignal | Launch)]


def test_a_process_that_ended_while_the_agent_was_down_is_started_and_told() -> None:
    driver = recovering(Driver().running().record).on(Recovered(Phase.RUNNING, None))
    assert driver.phase is Phase.LAUNCHING
    assert driver.record.exits[0].reason is Reason.LOST
    assert driver.launched().record.restarts == 1


def test_a_launch_whose_process_was_not_journaled_is_found_and_not_repeated() -> None:
    record = Driver().assign(Desired.RUNNING).record
    driver = recovering(record).on(Recovered(Phase.LAUNCHING, identity(1)))
    assert driver.phase is Phase.STARTING
    assert Launch() not in driver.done
    assert driver.record.process == identity(1)


def test_the_end_of_a_process_that_an_older_journal_does_not_know_is_seen() -> None:
    driver = recovering(Driver().running().record).on(Recovered(Phase.RUNNING, identity(2)))
    assert (driver.phase, driver.record.process, driver.record.launches) == (Phase.STARTING, identity(2), 2)
    assert (driver.record.restarts, driver.record.exits[0].reason) == (1, Reason.LOST)
    assert driver.exited(1).record.process is None


def test_a_launch_that_never_came_to_be_is_made_once() -> None:
    record = Driver().assign(Desired.RUNNING).record
    driver = recovering(record).on(Recovered(Phase.LAUNCHING, None))
    assert (driver.phase, driver.record.launches) == (Phase.LAUNCHING, 2)
    assert driver.launched().record.restarts == 0


def test_a_back_off_goes_on_where_it_was() -> None:
    record = Driver().running().exited(1).record
    driver = recovering(record)
    driver.now += 0.4
    driver.on(Recovered(Phase.WAITING, None))
    assert driver.phase is Phase.WAITING
    armed = [one for one in driver.done if isinstance(one, ArmTimer)]
    assert armed[0].seconds == pytest.approx(0.6)


def test_a_failed_node_stays_failed_with_its_reason() -> None:
    driver = Driver().running().exited(3)
    for _ in range(2):
        driver.on(TimerDue(TimerName.BACK_OFF)).launched().exited(3)
    after = recovering(driver.record).on(Recovered(Phase.FAILED, None))
    assert (after.phase, after.record.reason) == (Phase.FAILED, Reason.CRASH_LOOP)


def test_a_stop_that_the_agents_end_cut_short_is_finished() -> None:
    record = Driver().running().assign(Desired.STOPPED).record
    alive = recovering(record).on(Recovered(Phase.STOPPING, identity(1)))
    assert alive.phase is Phase.STOPPING
    assert SendSignal(15) in alive.done
    assert recovering(record).on(Recovered(Phase.STOPPING, None)).phase is Phase.STOPPED


def test_a_restart_that_the_agents_end_cut_short_is_finished() -> None:
    record = Driver().running().assign(Desired.RUNNING, restart=True).record
    alive = recovering(record).on(Recovered(Phase.STOPPING, identity(1)))
    assert alive.phase is Phase.STOPPING
    gone = recovering(record).on(Recovered(Phase.STOPPING, None)).launched()
    assert (gone.phase, gone.record.restarts) == (Phase.STARTING, 1)


def test_with_restarts_off_only_a_boot_of_the_host_starts_it_again() -> None:
    record = Driver().running().record
    off = NodeRules(restart=RestartPolicy(enabled=False))
    node = NodeRuntime(replace(record, phase=Phase.RECOVERING))
    assert Driver(node, off).on(Recovered(Phase.RUNNING, None)).phase is Phase.FAILED
    assert Driver(node, off).on(Recovered(Phase.RUNNING, None, rebooted=True)).phase is Phase.LAUNCHING


def test_after_a_boot_of_the_host_the_restart_is_told_with_that_reason() -> None:
    driver = recovering(Driver().running().record).on(Recovered(Phase.RUNNING, None, rebooted=True))
    assert (driver.phase, driver.record.reason) == (Phase.LAUNCHING, Reason.REBOOTED)
    assert driver.record.exits[0].reason is Reason.REBOOTED
    assert mentions(driver.record.message, "boot")
    assert driver.launched().record.restarts == 1


def test_a_back_off_does_not_outlast_a_boot_of_the_host() -> None:
    waiting = Driver().running().exited(1).record
    driver = recovering(waiting).on(Recovered(Phase.WAITING, None, rebooted=True))
    assert (driver.phase, driver.record.reason) == (Phase.LAUNCHING, Reason.REBOOTED)
    assert driver.launched().record.restarts == 1


@pytest.mark.parametrize("was", [Phase.STOPPED, Phase.FAILED])
def test_what_did_not_run_does_not_run_after_a_boot_and_keeps_its_reason(was: Phase) -> None:
    driver = Driver().running().assign(Desired.STOPPED).exited(0)
    if was is Phase.FAILED:
        driver = Driver().running().exited(3)
        for _ in range(2):
            driver.on(TimerDue(TimerName.BACK_OFF)).launched().exited(3)
    before = driver.record
    after = recovering(before).on(Recovered(was, None, rebooted=True))
    assert (after.phase, after.record.reason, after.record.message) == (was, before.reason, before.message)


def test_what_a_node_was_made_with_is_kept_and_only_gaps_are_filled() -> None:
    held = NodeSpec("storage", 50051, "", 0)
    assert held.completed_by(NodeSpec("redis", 1, "/data/x", 7)) == NodeSpec("storage", 50051, "/data/x", 7)


def test_of_a_process_that_outlives_sigkill_no_cause_is_claimed() -> None:
    driver = Driver().running().assign(Desired.STOPPED)
    driver.on(TimerDue(TimerName.GRACE)).on(TimerDue(TimerName.REAP))
    assert mentions(driver.record.message, "SIGKILL has not ended process", "perhaps", "may not signal it")
