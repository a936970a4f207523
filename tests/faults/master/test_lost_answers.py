"""Answers that never arrive: from the master to its client, and from the agent to its master."""

from __future__ import annotations

import signal
import uuid

import pytest
from support.faults.kill_points import KillPoint
from support.harness.killed_grid import KilledGrid
from support.waiting import eventually

from sutra_grid.runtime.steps import Step

pytestmark = pytest.mark.e2e

IMPATIENT_SECONDS = 2.0


def test_a_retry_of_a_spawn_whose_answer_was_lost_returns_the_same_node(killable: KilledGrid) -> None:
    request, starts = uuid.uuid4().hex, killable.starts()
    killable.master_orders.pause_at(KillPoint(Step.ANSWER_KEPT))
    call = killable.spawn(request)
    killable.master_orders.wait_until_paused(killable.master)
    call.cancel()  # no caller waits for the answer
    killable.master.signal(signal.SIGCONT)
    made = killable.cell()
    pid = killable.pid(made)
    answer = killable.spawn(request).result()

    assert answer.success, answer.error_message
    assert (answer.node_id, answer.node.pid) == (made, pid)
    killable.wait_agreement({made})
    assert killable.starts() == starts + 1


@pytest.mark.parametrize(
    ("step", "processes"),
    [(Step.ASSIGNMENT_RECEIVED, 0), (Step.PROCESS_STARTED, 1)],
    ids=["before it has started anything", "with a process"],
)
def test_a_spawn_that_the_agent_does_not_answer_fails_and_leaves_nothing(
    killable: KilledGrid, step: Step, processes: int
) -> None:
    starts, begun = killable.starts(), killable.agent_orders.mark()
    killable.agent_orders.pause_at(KillPoint(step))
    call = killable.spawn(timeout_seconds=IMPATIENT_SECONDS)
    killable.agent_orders.wait_until_paused(killable.agent)
    try:
        answer = call.result()
        left_running = set(killable.grid.pids()) - {killable.bystander.node_id}
    finally:
        killable.agent.signal(signal.SIGCONT)

    assert not answer.success
    assert answer.error.reason == "agent_unreachable"
    assert len(left_running) == processes
    killable.grid.wait_agents("healthy")
    # It takes the assignment although no caller waits, and a heartbeat's response says that the node does not exist.
    eventually(lambda: (Step.JOURNAL_DELETED, "") in killable.agent_orders.reached(begun), message="removed again")
    killable.wait_agreement(set())
    assert killable.starts() <= starts + 1
    killable.assert_nothing_leaked()
