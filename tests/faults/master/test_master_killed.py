"""The master is killed with SIGKILL at every step of every path and restarted: nothing is lost, doubled or leaked."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import grpc
import pytest
from support.faults.kill_points import KillPoint, at, kill_points, times_of
from support.harness.killed_grid import AGENT, KilledGrid
from support.waiting import eventually

from sutra_grid.core.types import Desired
from sutra_grid.runtime.steps import Step

pytestmark = pytest.mark.e2e

SPAWN = kill_points(
    Step.COMMAND_RECEIVED, Step.NODE_RECORDED, Step.AGENT_ANSWERED, Step.SPEC_RESOLVED, Step.ANSWER_KEPT
)
FAILED_SPAWN = kill_points(
    Step.COMMAND_RECEIVED,
    Step.NODE_RECORDED,
    Step.AGENT_ANSWERED,
    Step.SPEC_RESOLVED,
    (Step.DESIRED_RECORDED, Desired.ABSENT),
    Step.AGENT_ANSWERED,
    Step.NODE_REMOVED,
    Step.ANSWER_KEPT,
)


def change(desired: Desired, *ends: Step) -> tuple[KillPoint, ...]:
    return kill_points(
        Step.COMMAND_RECEIVED, (Step.DESIRED_RECORDED, desired), Step.AGENT_ANSWERED, *ends, Step.ANSWER_KEPT
    )


STOP = change(Desired.STOPPED)
RESTART = change(Desired.RUNNING)
REMOVE = change(Desired.ABSENT, Step.NODE_REMOVED)
REGISTRATION = kill_points(Step.REGISTRATION_RECEIVED, Step.AGENT_SAVED, Step.REGISTRATION_DUE)
TAKEOVER = kill_points(
    Step.REGISTRATION_RECEIVED, Step.AGENT_SAVED, Step.NODE_ADOPTED, Step.NODE_ADOPTED, Step.REGISTRATION_DUE
)
RESOLVED = (str(Step.SPEC_RESOLVED), "")
#: What comes all the time, whatever is commanded.
IDLE = kill_points(Step.HEARTBEAT_RECEIVED, Step.OBSERVATIONS_WRITTEN)
EVERY = (*SPAWN, *FAILED_SPAWN, *STOP, *RESTART, *REMOVE, *REGISTRATION, *TAKEOVER, *IDLE)


def new_request() -> str:
    return uuid.uuid4().hex


def die(killable: KilledGrid, call: grpc.Future) -> None:
    """The master ends at the given step. The caller gets no answer, and every process keeps running."""
    killable.master_orders.wait_until_killed(killable.master)
    assert isinstance(call.exception(), grpc.RpcError)


@at(SPAWN, nth=7)
def test_a_spawn_is_taken_up_by_its_retry(killable: KilledGrid, point: KillPoint) -> None:
    starts, request = killable.starts(), new_request()
    killable.master_orders.kill_at(point)
    die(killable, killable.spawn(request))
    killable.restart_master()
    made = killable.cell()
    killable.wait_agreement({made} if made else set())
    assert bool(made) == (point.step is not Step.COMMAND_RECEIVED)
    pid = killable.pid(made)
    answer = killable.spawn(request).result()

    assert answer.success, answer.error_message
    assert made in {"", answer.node_id}
    killable.wait_agreement({answer.node_id})
    assert pid in {0, killable.pid(answer.node_id)}, "a node that lived keeps its process"
    assert killable.starts() == starts + 1
    killable.remove(answer.node_id)
    killable.assert_nothing_leaked()


@at(FAILED_SPAWN, nth=7)
def test_a_spawn_that_failed_leaves_nothing_after_its_retry(killable: KilledGrid, point: KillPoint) -> None:
    request = new_request()
    killable.master_orders.kill_at(point)
    die(killable, killable.spawn(request, engine="broken"))
    killable.restart_master()
    answer = killable.spawn(request, engine="broken").result()

    assert not answer.success
    killable.wait_agreement(set())
    killable.assert_nothing_leaked()


@at(STOP, nth=7)
def test_a_stop_is_done_or_can_be_asked_for_again(killable: KilledGrid, point: KillPoint) -> None:
    cell, request = killable.make_cell(), new_request()
    pid, starts = killable.pid(cell), killable.starts()
    killable.master_orders.kill_at(point)
    die(killable, killable.command("StopStorageNode", cell, request))
    killable.restart_master()
    if point.step is Step.COMMAND_RECEIVED:
        killable.wait_agreement({cell})
        assert killable.pid(cell) == pid, "no command told it otherwise"
    else:
        killable.wait_agreement(set(), stopped=frozenset({cell}))
    answer = killable.command("StopStorageNode", cell, request).result()

    assert answer.success, answer.error_message
    killable.wait_agreement(set(), stopped=frozenset({cell}))
    assert killable.starts() == starts


@at(RESTART, nth=9)
@pytest.mark.parametrize("at_once", [True, False], ids=["retried at once", "retried later"])
def test_a_restart_is_made_once_whenever_it_is_retried(killable: KilledGrid, point: KillPoint, at_once: bool) -> None:
    cell, request = killable.make_cell(), new_request()
    pid, starts = killable.pid(cell), killable.starts()
    killable.master_orders.kill_at(point)
    die(killable, killable.command("RestartStorageNode", cell, request))
    if at_once:
        killable.master.start()
    else:
        killable.restart_master()
        if point.step is not Step.COMMAND_RECEIVED:
            eventually(lambda: killable.pid(cell) not in {0, pid}, message="another process")
        killable.wait_agreement({cell})
    answer = killable.command("RestartStorageNode", cell, request).result()

    assert answer.success, answer.error_message
    killable.wait_agreement({cell})
    assert killable.pid(cell) not in {0, pid}
    assert killable.starts() == starts + 1


@at(REMOVE, nth=7)
def test_a_removed_node_is_gone_and_leaves_nothing(killable: KilledGrid, point: KillPoint) -> None:
    cell, request = killable.make_cell(), new_request()
    pid, starts = killable.pid(cell), killable.starts()
    killable.master_orders.kill_at(point)
    die(killable, killable.command("RemoveStorageNode", cell, request))
    killable.restart_master()
    recorded = point.step is not Step.COMMAND_RECEIVED
    killable.wait_agreement(set() if recorded else {cell})
    assert killable.pid(cell) == (0 if recorded else pid)
    answer = killable.command("RemoveStorageNode", cell, request).result()

    assert answer.success or answer.error.reason == "node_removed", answer.error_message
    killable.wait_agreement(set())
    assert killable.starts() == starts
    killable.assert_nothing_leaked()


@at(REGISTRATION, nth=7)
def test_a_registration_is_repeated(killable: KilledGrid, point: KillPoint) -> None:
    cell = killable.make_cell()
    pid, starts = killable.pid(cell), killable.starts()
    killable.agent.kill()
    killable.master_orders.kill_at(point)
    killable.agent.start()
    killable.master_orders.wait_until_killed(killable.master)
    killable.restart_master()
    killable.grid.wait_agents("healthy")

    killable.wait_agreement({cell})
    assert (killable.pid(cell), killable.starts()) == (pid, starts)


@at(IDLE)
def test_heartbeats_lose_nothing(killable: KilledGrid, point: KillPoint) -> None:
    cell = killable.make_cell()
    pid, starts = killable.pid(cell), killable.starts()
    killable.master_orders.kill_at(point)
    killable.master_orders.wait_until_killed(killable.master)
    killable.restart_master()

    killable.wait_agreement({cell})
    assert (killable.pid(cell), killable.starts()) == (pid, starts)
    assert killable.grid.agent_statuses() == {AGENT: "healthy"}


@at(TAKEOVER, nth=7)
def test_a_takeover_of_running_nodes_goes_on_where_it_was(killable: KilledGrid, point: KillPoint) -> None:
    cell = killable.make_cell()
    pid, starts = killable.pid(cell), killable.starts()
    killable.lose_registry()
    killable.master_orders.kill_at(point)
    killable.master.start()
    killable.master_orders.wait_until_killed(killable.master)
    killable.restart_master()
    killable.grid.wait_agents("healthy")

    killable.wait_agreement({cell})
    assert (killable.pid(cell), killable.starts()) == (pid, starts)
    assert killable.grid.grpc.show(cell).restarts == 0


def test_the_kill_points_are_every_step_of_their_paths(killable: KilledGrid) -> None:
    """The steps that a real run reaches are the steps of the cases above: a new step needs a case."""
    orders = killable.master_orders

    def walked(points: Sequence[KillPoint], begun: int) -> None:
        found, wanted = orders.reached(begun, besides={point.step for point in IDLE}), times_of(points)
        if wanted[RESOLVED] and found[RESOLVED] == 2:
            found[RESOLVED] = 1  # the agent's next heartbeat came with it before the answer was taken in
        assert found == wanted

    begun = orders.mark()
    cell = killable.spawn(new_request()).result().node_id
    walked(SPAWN, begun)
    begun = orders.mark()  # that heartbeat, if it was not one before, is one of the next two
    eventually(lambda: orders.reached(begun)[str(Step.HEARTBEAT_RECEIVED), ""] >= 2, message="two heartbeats")
    for method, points in (
        ("RestartStorageNode", RESTART),
        ("StopStorageNode", STOP),
        ("RemoveStorageNode", REMOVE),
    ):
        begun = orders.mark()
        assert killable.command(method, cell, new_request()).result().success
        walked(points, begun)
    begun = orders.mark()
    assert not killable.spawn(new_request(), engine="broken").result().success
    walked(FAILED_SPAWN, begun)
    begun = orders.mark()
    killable.agent.kill()
    killable.restart_agent()
    killable.grid.wait_agents("healthy")
    eventually(lambda: Step.REGISTRATION_DUE in {step for step, _ in orders.reached(begun)}, message="registered")
    walked(REGISTRATION, begun)
