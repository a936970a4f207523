"""What a launch left behind, with fake processes and clock, a real journal and real state machines."""

from __future__ import annotations

import errno
import signal
from collections.abc import Callable

import pytest
from support.fakes.node_manager_world import World
from support.texts import mentions

from sutra_grid.agent.config import AgentConfig
from sutra_grid.core.node.record import ExitStatus
from sutra_grid.core.types import Desired, NodeState, Reason

KILLED = ExitStatus(signal=signal.SIGKILL)
NODE = "node-1"


@pytest.fixture
def world(make_config: Callable[..., AgentConfig]) -> World:
    return World(make_config())


def launches(world: World) -> int:
    return len(world.processes.all)


def test_after_a_crash_leftovers_get_the_stop_signal_and_a_full_grace_then_sigkill(world: World) -> None:
    world.assign(NODE, 1)
    process = world.ready(NODE)
    child = world.processes.leave(NODE)

    world.end(process, KILLED)
    report = world.report(NODE)
    assert (report.state, report.reason, report.pid) == (NodeState.STOPPING, Reason.LEFTOVERS, 0)
    assert [one.signal for one in report.exits] == [signal.SIGKILL]
    assert child.signals == [signal.SIGTERM]
    world.pass_time(9.0)
    assert child.alive
    world.pass_time(1.0)
    assert child.signals == [signal.SIGTERM, signal.SIGKILL]
    assert launches(world) == 1
    world.pass_time(1.0)

    assert mentions(world.report(NODE).exits[0].killed, f"{child.pid} (child)")
    world.pass_time(2.0)
    assert launches(world) == 2


def test_the_grace_of_a_stop_is_for_all_and_not_begun_again_when_the_leader_ends(world: World) -> None:
    world.assign(NODE, 1)
    process = world.ready(NODE)
    child = world.processes.leave(NODE)
    world.assign(NODE, 2, Desired.STOPPED)
    assert (process.signals, child.signals) == ([signal.SIGTERM], [])
    world.pass_time(6.0)

    world.end(process, ExitStatus(code=0))
    assert child.signals == [signal.SIGTERM]
    world.pass_time(4.0)

    assert child.signals == [signal.SIGTERM, signal.SIGKILL]
    world.pass_time(1.0)
    report = world.report(NODE)
    assert (report.state, report.reason) == (NodeState.STOPPED, Reason.STOP_TIMEOUT)
    assert mentions(report.message, "code 0", f"{child.pid} (child)")


def test_a_leftover_that_can_not_be_ended_is_named_and_the_node_continues_when_it_has_gone(world: World) -> None:
    world.assign(NODE, 1)
    process = world.ready(NODE)
    child = world.processes.leave(NODE, name="dd", obstacle="the kernel holds it")
    world.end(process, KILLED)
    world.pass_time(10.0)

    world.pass_time(10.0)
    report = world.report(NODE)
    assert report.reason is Reason.LEFTOVERS
    assert mentions(report.message, f"{child.pid} (dd)", "the kernel holds it", "can't be ended")
    world.pass_time(300.0)
    assert launches(world) == 1, "nothing is started beside it"
    child.alive = False
    world.pass_time(1.0)
    world.pass_time(2.0)

    assert launches(world) == 2
    assert world.report(NODE).exits[0].killed == "", "the agent did not end it"


def test_leftovers_that_can_not_be_looked_for_are_not_taken_for_gone(world: World) -> None:
    world.assign(NODE, 1)
    process = world.ready(NODE)
    child = world.processes.leave(NODE)
    world.processes.shortage = OSError(errno.EMFILE, "Too many open files")
    world.end(process, KILLED)
    world.pass_time(60.0)
    assert (launches(world), child.signals) == (1, []), "nothing is started while the processes can't be read"
    assert world.report(NODE).reason is Reason.LIMIT_REACHED
    assert mentions(world.report(NODE).message, "SIGKILL", "open files")
    world.processes.shortage = None
    world.pass_time(1.0)
    assert child.signals == [signal.SIGTERM]
    assert mentions(world.report(NODE).message, f"{child.pid} (child)")

    world.processes.shortage = OSError(errno.EMFILE, "Too many open files")
    world.pass_time(5.0)
    assert world.report(NODE).reason is Reason.LEFTOVERS
    world.processes.shortage = None
    child.alive = False
    world.pass_time(1.0)
    world.pass_time(2.0)

    assert launches(world) == 2


@pytest.mark.parametrize("desired", [Desired.STOPPED, Desired.ABSENT])
def test_a_stop_is_done_only_when_somebody_has_looked_for_leftovers(world: World, desired: Desired) -> None:
    world.assign(NODE, 1)
    process = world.ready(NODE)
    child = world.processes.leave(NODE)
    world.assign(NODE, 2, desired)
    world.processes.shortage = OSError(errno.EMFILE, "Too many open files")
    world.end(process, ExitStatus(code=0))
    world.pass_time(60.0)
    assert (world.report(NODE).state, child.signals) == (NodeState.STOPPING, [])

    world.processes.shortage = None
    world.pass_time(1.0)
    assert child.signals == [signal.SIGTERM], "it has a whole grace"
    child.alive = False
    world.pass_time(1.0)

    known = world.inventory.find(NODE)
    assert known is None if desired is Desired.ABSENT else known.state is NodeState.STOPPED


def test_a_removal_is_done_only_when_the_leftovers_have_gone(world: World) -> None:
    world.assign(NODE, 1)
    process = world.ready(NODE)
    child = world.processes.leave(NODE)
    world.end(process, KILLED)

    world.assign(NODE, 2, Desired.ABSENT)
    assert world.report(NODE).state is NodeState.STOPPING
    assert [entry.node_id for entry in world.journal.load()] == [NODE]
    child.alive = False
    world.pass_time(1.0)

    assert world.inventory.find(NODE) is None
    assert world.journal.load() == []
    assert launches(world) == 1


def test_a_start_that_comes_while_leftovers_end_has_no_back_off(world: World) -> None:
    world.assign(NODE, 1)
    process = world.ready(NODE)
    child = world.processes.leave(NODE)
    world.end(process, KILLED)
    world.assign(NODE, 2, Desired.STOPPED)
    world.assign(NODE, 3, Desired.RUNNING)
    assert launches(world) == 1
    child.alive = False

    world.pass_time(1.0)

    assert launches(world) == 2


def test_a_process_that_appears_during_the_back_off_is_ended_before_the_launch(world: World) -> None:
    world.assign(NODE, 1)
    (process,) = world.processes.alive(NODE)
    world.end(process, ExitStatus(code=1))
    child = world.processes.leave(NODE)

    world.pass_time(2.0)
    assert (launches(world), child.signals) == (1, [signal.SIGTERM])
    child.alive = False
    world.pass_time(1.0)

    assert launches(world) == 2


@pytest.mark.parametrize("leader_ended", ["while the agent ran", "while no agent ran"])
def test_the_next_agent_ends_what_is_left(world: World, leader_ended: str) -> None:
    world.assign(NODE, 1)
    process = world.ready(NODE)
    child = world.processes.leave(NODE)
    if leader_ended == "while the agent ran":
        world.end(process, KILLED)
        world.pass_time(6.0)
    else:
        process.status = KILLED

    world.begin()

    assert world.report(NODE).reason is Reason.LEFTOVERS
    assert launches(world) == 1
    world.pass_time(4.0 if leader_ended == "while the agent ran" else 10.0)
    assert child.signals[-1] == signal.SIGKILL
    world.pass_time(1.0)
    world.pass_time(2.0)
    assert launches(world) == 2
    assert mentions(world.report(NODE).exits[0].killed, str(child.pid))


def test_the_stop_signal_goes_to_all_members_at_once_where_that_is_configured(
    make_config: Callable[..., AgentConfig],
) -> None:
    world = World(make_config(storage='stop_scope = "all"'))
    world.assign(NODE, 1)
    process = world.ready(NODE)
    child = world.processes.leave(NODE)

    world.assign(NODE, 2, Desired.STOPPED)
    assert (process.signals, child.signals) == ([signal.SIGTERM], [signal.SIGTERM])
    world.end(process, ExitStatus(code=0))

    assert child.signals == [signal.SIGTERM], "a second signal would end some programs at once"


@pytest.mark.parametrize("desired", [Desired.STOPPED, Desired.ABSENT])
def test_a_node_that_waits_is_stopped_only_when_nothing_is_left_of_it(world: World, desired: Desired) -> None:
    world.assign(NODE, 1)
    world.end(world.ready(NODE), KILLED)
    assert world.report(NODE).reason is Reason.BACK_OFF
    late = world.processes.leave(NODE)

    world.assign(NODE, 2, desired)

    assert (world.report(NODE).state, world.report(NODE).reason) == (NodeState.STOPPING, Reason.LEFTOVERS)
    assert late.signals == [signal.SIGTERM]
    late.alive = False
    world.pass_time(1.0)
    known = world.inventory.find(NODE)
    assert known is None if desired is Desired.ABSENT else known.state is NodeState.STOPPED
