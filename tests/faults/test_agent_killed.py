"""The agent killed -9 at every step of every path; then it is started again, and nothing is lost, doubled or leaked."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from support.kill_points import KillPoint, kill_points
from support.killed_grid import KilledGrid
from support.processes import kill
from support.waiting import eventually

from sutra_grid.core.states import Phase
from sutra_grid.runtime.steps import Step

pytestmark = pytest.mark.e2e

BEATS = (Step.BEAT_ANSWERED,)


def journaled(phase: Phase) -> list[Step | tuple[Step, str]]:
    """The steps of a record that replaces the one before."""
    return [Step.FILE_WRITTEN, Step.FILE_KEPT, (Step.NODE_JOURNALED, phase)]


ENDED = [(Step.SIGNAL_SENT, "SIGTERM"), Step.PROCESS_REAPED]
STOPPED = [*journaled(Phase.STOPPING), *ENDED]
STARTED = [
    *journaled(Phase.LAUNCHING),
    Step.PROCESS_STARTED,
    *journaled(Phase.STARTING),
    *journaled(Phase.RUNNING),
]

SPAWN = kill_points(
    Step.ASSIGNMENT_RECEIVED,
    Step.FILE_WRITTEN,
    (Step.NODE_JOURNALED, Phase.STOPPED),
    *STARTED,
    Step.REPORT_DUE,
)
STOP = kill_points(Step.ASSIGNMENT_RECEIVED, *STOPPED, *journaled(Phase.STOPPED), Step.REPORT_DUE)
RESTART = kill_points(Step.ASSIGNMENT_RECEIVED, *STOPPED, *STARTED, Step.REPORT_DUE)
REMOVE = kill_points(Step.ASSIGNMENT_RECEIVED, *STOPPED, Step.JOURNAL_CUT, Step.JOURNAL_DELETED, Step.REPORT_DUE)
CRASH = kill_points(Step.PROCESS_REAPED, *STARTED)


def at(points: Sequence[KillPoint]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("point", points, ids=str)


@at(SPAWN)
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


@at(STOP)
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


@at(RESTART)
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


@at(REMOVE)
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


@at(CRASH)
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


def test_the_kill_points_are_every_step_of_their_paths(killable: KilledGrid) -> None:
    """What the daemon reaches on each path is what it is killed at above: a step that is added needs a case."""
    orders = killable.agent_orders

    def walked(points: Sequence[KillPoint], begun: int) -> None:
        assert orders.reached(begun, besides=BEATS) == {
            (point.step, point.about): sum((other.step, other.about) == (point.step, point.about) for other in points)
            for point in points
        }

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
    walked(CRASH, begun)
    begun = orders.mark()
    killable.grid.grpc.stop(cell)
    walked(STOP, begun)
    killable.grid.grpc.start(cell)
    begun = orders.mark()
    killable.remove(cell)
    walked(REMOVE, begun)
