"""The agent is killed with SIGKILL at every step of every path and restarted: nothing is lost, doubled or leaked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from support.faults.kill_points import KillPoint, at, kill_points, times_of
from support.harness.killed_grid import KilledGrid
from support.harness.processes import kill
from support.waiting import eventually

from sutra_grid.core.states import Phase
from sutra_grid.runtime.steps import Step

pytestmark = pytest.mark.e2e


def journaled(phase: Phase) -> list[Step | tuple[Step, str]]:
    """The steps of a record that replaces the one before."""
    return [Step.FILE_WRITTEN, Step.FILE_KEPT, (Step.NODE_JOURNALED, phase)]


ENDED = [Step.PROCESS_REAPED]
STOPPED = [*journaled(Phase.STOPPING), (Step.SIGNAL_SENT, "SIGTERM"), *ENDED]
STARTED = [
    *journaled(Phase.LAUNCHING),
    Step.PROCESS_STARTED,
    *journaled(Phase.STARTING),
    *journaled(Phase.RUNNING),
]

SPAWN = kill_points(Step.ASSIGNMENT_RECEIVED, *journaled(Phase.STOPPED), *STARTED, Step.REPORT_DUE)
STOP = kill_points(Step.ASSIGNMENT_RECEIVED, *STOPPED, *journaled(Phase.STOPPED), Step.REPORT_DUE)
#: A restart is journaled before what its start needs is checked.
RESTART = kill_points(Step.ASSIGNMENT_RECEIVED, *journaled(Phase.RUNNING), *STOPPED, *STARTED, Step.REPORT_DUE)
REMOVE = kill_points(Step.ASSIGNMENT_RECEIVED, *STOPPED, Step.JOURNAL_CUT, Step.JOURNAL_DELETED, Step.REPORT_DUE)
#: The last record says that the node is stable again.
CRASH = kill_points(*ENDED, *STARTED, *journaled(Phase.RUNNING))
#: What comes after the stop signal of a node that ignores it.
STOP_SEQUENCE = kill_points(*journaled(Phase.STOPPING), *journaled(Phase.KILLING), (Step.SIGNAL_SENT, "SIGKILL"))[3:]
#: What comes after the end of a node whose program is gone.
CRASH_LOOP = kill_points(
    *journaled(Phase.LAUNCHING), *journaled(Phase.WAITING), *journaled(Phase.LAUNCHING), *journaled(Phase.FAILED)
)
#: What an agent does at its start with a process that was started and not journaled any more; others' files come too.
ADOPTION = kill_points(
    Step.FILE_WRITTEN, Step.FILE_KEPT, (Step.NODE_JOURNALED, Phase.STARTING), (Step.NODE_JOURNALED, Phase.RUNNING)
)
HEARD = kill_points(Step.ASSIGNMENT_FETCHED)
#: What comes all the time, whatever is commanded.
IDLE = kill_points(Step.HEARTBEAT_ANSWERED)
EVERY = (*SPAWN, *STOP, *RESTART, *REMOVE, *CRASH, *STOP_SEQUENCE, *CRASH_LOOP, *ADOPTION, *HEARD, *IDLE)


@at(SPAWN, nth=7)
def test_a_spawn_is_whole_or_leaves_nothing(killable: KilledGrid, point: KillPoint) -> None:
    starts = killable.starts()
    killable.agent_orders.kill_at(point)
    call = killable.spawn()
    killable.agent_orders.wait_until_killed(killable.agent)
    killable.restart_agent()
    answer = call.result()

    if answer.success:
        killable.wait_agreement({answer.node_id})
        assert killable.pid(answer.node_id) == answer.node.pid, "a node that lived keeps its process"
        assert killable.starts() == starts + 1
        killable.remove(answer.node_id)
    else:
        assert answer.error.reason == "agent_unreachable"
        killable.wait_agreement(set())
        assert killable.starts() <= starts + 1
    killable.assert_nothing_leaked()


@at(STOP, nth=9)
def test_a_stop_ends_stopped_and_nothing_runs(killable: KilledGrid, point: KillPoint) -> None:
    cell = killable.make_cell()
    starts = killable.starts()
    killable.agent_orders.kill_at(point)
    call = killable.command("StopStorageNode", cell)
    killable.agent_orders.wait_until_killed(killable.agent)
    killable.restart_agent()
    call.result()

    killable.wait_agreement(set(), stopped=frozenset({cell}))
    assert killable.starts() == starts


@at(RESTART, nth=11)
def test_a_restart_is_made_once(killable: KilledGrid, point: KillPoint) -> None:
    cell = killable.make_cell()
    pid, starts = killable.pid(cell), killable.starts()
    killable.agent_orders.kill_at(point)
    call = killable.command("RestartStorageNode", cell)
    killable.agent_orders.wait_until_killed(killable.agent)
    killable.restart_agent()
    call.result()

    eventually(lambda: killable.pid(cell) not in {0, pid}, message="another process")
    killable.wait_agreement({cell})
    assert killable.starts() == starts + 1
    assert killable.grid.grpc.show(cell).restarts == 1


@at(REMOVE, nth=9)
def test_a_removed_node_is_gone_and_leaves_nothing(killable: KilledGrid, point: KillPoint) -> None:
    cell = killable.make_cell()
    starts = killable.starts()
    killable.agent_orders.kill_at(point)
    call = killable.command("RemoveStorageNode", cell)
    killable.agent_orders.wait_until_killed(killable.agent)
    killable.restart_agent()
    call.result()

    killable.wait_agreement(set())
    assert killable.starts() == starts
    killable.assert_nothing_leaked()


@at(CRASH, nth=11)
def test_a_node_that_crashed_is_restarted_once(killable: KilledGrid, point: KillPoint) -> None:
    cell = killable.make_cell()
    pid, starts = killable.pid(cell), killable.starts()
    killable.agent_orders.kill_at(point)
    kill([pid])
    killable.agent_orders.wait_until_killed(killable.agent)
    killable.restart_agent()

    killable.wait_agreement({cell})
    assert killable.starts() == starts + 1
    assert killable.grid.grpc.show(cell).restarts == 1


@at(STOP_SEQUENCE, nth=7)
def test_a_stop_that_needs_sigkill_ends_stopped_too(killable: KilledGrid, point: KillPoint) -> None:
    cell = killable.make_cell("stubborn")
    killable.agent_orders.kill_at(point)
    call = killable.command("StopStorageNode", cell)
    killable.agent_orders.wait_until_killed(killable.agent)
    killable.restart_agent()
    call.result()

    killable.wait_agreement(set(), stopped=frozenset({cell}))


@at(CRASH_LOOP, nth=11)
def test_a_node_that_can_not_start_is_given_up_and_can_be_started_when_it_can(
    killable: KilledGrid, point: KillPoint
) -> None:
    cell = killable.make_cell("movable")
    starts = killable.starts()
    with killable.program_moved_away():
        killable.agent_orders.kill_at(point)
        kill([killable.pid(cell)])
        killable.agent_orders.wait_until_killed(killable.agent)
        killable.restart_agent()
        assert killable.grid.wait_node(cell, "failed").reason == "binary_missing"
    assert killable.grid.grpc.start(cell).status == "running"

    killable.wait_agreement({cell})
    assert killable.starts() == starts + 1


@at(HEARD)
@pytest.mark.parametrize("method", ["StopStorageNode", "RestartStorageNode", "RemoveStorageNode"])
def test_what_a_heartbeat_brought_is_done_though_the_agent_died_of_it(
    killable: KilledGrid, method: str, point: KillPoint
) -> None:
    cell = killable.make_cell()
    pid, starts = killable.pid(cell), killable.starts()
    killable.agent.kill()
    assert killable.command(method, cell).result().error.reason in {"agent_offline", "agent_unreachable"}
    killable.agent_orders.kill_at(point)
    killable.agent.start()
    killable.agent_orders.wait_until_killed(killable.agent)
    killable.restart_agent()

    if method == "RestartStorageNode":
        eventually(lambda: killable.pid(cell) not in {0, pid}, message="another process")
        killable.wait_agreement({cell})
        assert killable.starts() == starts + 1
    else:
        killable.wait_agreement(set(), stopped=frozenset({cell} if method == "StopStorageNode" else ()))
        assert killable.starts() == starts


@at(ADOPTION, nth=7)
def test_an_agent_that_is_killed_again_while_it_adopts_starts_nothing_twice(
    killable: KilledGrid, point: KillPoint
) -> None:
    cell = killable.make_cell()
    pid, starts = killable.pid(cell), killable.starts()
    killable.agent_orders.kill_at(KillPoint(Step.PROCESS_STARTED))
    kill([pid])
    killable.agent_orders.wait_until_killed(killable.agent)
    started = killable.pid(cell)
    killable.agent_orders.kill_at(point)
    killable.agent.start()
    killable.agent_orders.wait_until_killed(killable.agent)
    killable.restart_agent()

    killable.wait_agreement({cell})
    assert killable.pid(cell) == started
    assert killable.starts() == starts + 1


@at(IDLE)
def test_an_agent_that_is_killed_between_its_commands_keeps_every_process(
    killable: KilledGrid, point: KillPoint
) -> None:
    cell = killable.make_cell()
    pid, starts = killable.pid(cell), killable.starts()
    killable.agent_orders.kill_at(point)
    killable.agent_orders.wait_until_killed(killable.agent)
    killable.restart_agent()

    killable.wait_agreement({cell})
    assert (killable.pid(cell), killable.starts()) == (pid, starts)
    shown = killable.grid.grpc.show(cell)
    assert (shown.pid, shown.restarts) == (pid, 0)


def test_the_kill_points_are_every_step_of_their_paths(killable: KilledGrid) -> None:
    """The steps that a real run reaches are the steps of the cases above: a new step needs a case."""
    orders = killable.agent_orders

    def reached(begun: int) -> Counter[tuple[str, str]]:
        return orders.reached(begun, besides={point.step for point in IDLE})

    def walked(points: Sequence[KillPoint], begun: int) -> None:
        assert reached(begun) == times_of(points)

    begun = orders.mark()
    cell = killable.make_cell()
    walked(SPAWN, begun)
    begun = orders.mark()
    killable.grid.grpc.restart(cell)
    killable.wait_agreement({cell})
    walked(RESTART, begun)
    begun = orders.mark()
    kill([killable.pid(cell)])
    eventually(lambda: killable.grid.grpc.show(cell).restarts == 2, message="the restart")
    killable.wait_agreement({cell})
    eventually(lambda: reached(begun)["node journaled", Phase.RUNNING] == 2, message="stable again")
    walked(CRASH, begun)
    begun = orders.mark()
    killable.grid.grpc.stop(cell)
    walked(STOP, begun)
    killable.grid.grpc.start(cell)
    begun = orders.mark()
    killable.remove(cell)
    walked(REMOVE, begun)
