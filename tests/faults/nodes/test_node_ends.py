"""Nodes that exit by themselves, or do not exit when they should: restarted, given up, stopped."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from support.harness.agent_harness import AgentHarness, is_alive, kill_now, kill_process
from support.harness.grid import Grid
from support.harness.processes import kill
from support.programs.node_program import ran_twice, starts
from support.texts import mentions
from support.waiting import eventually

from sutra_grid.core.types import Desired, Health, NodeState, Reason
from sutra_grid.runtime.net import is_port_free
from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e

MakeAgent = Callable[..., AgentHarness]

RACES = 16
RACE_SECONDS = 0.05
"""The longest between a stop and a kill: a restart of the small node program takes about as long."""
BACK_OFF_SECONDS = 0.3
NOTICED_SECONDS = 0.05
"""An exit is noticed in less than a millisecond; the rest is for a busy host."""
POLL_SECONDS = 60.0


def test_a_killed_node_is_restarted_in_milliseconds_and_not_at_the_next_poll(make_agent: MakeAgent) -> None:
    never = {"heartbeat_interval_secs": POLL_SECONDS, "health_check_interval_secs": POLL_SECONDS}
    agent = make_agent(monitoring=never, restart={"stable_secs": 0.0})
    pid, noticed_after = agent.run("node-1").pid, []
    for kills in range(1, 6):
        killed_at, killed_at_ms = time.monotonic(), time.time() * 1000
        kill_now(pid)
        again = agent.wait_for("node-1", lambda one, n=kills: (one.restarts, one.state) == (n, NodeState.RUNNING))  # type: ignore[misc]
        assert time.monotonic() - killed_at < POLL_SECONDS / 20
        noticed_after.append(again.exits[0].at_ms - killed_at_ms)
        pid = again.pid
    assert statistics.median(noticed_after) < NOTICED_SECONDS * 1000, noticed_after


def test_a_node_that_ran_stably_and_is_killed_runs_again_at_once_and_signal_9_is_told(agent: AgentHarness) -> None:
    first = agent.run("node-1")
    assert (first.state, first.reason, first.health) == (NodeState.RUNNING, Reason.SPAWNED, Health.HEALTHY)
    stable_at_ms = time.time() * 1000 + agent.sections["restart"]["stable_secs"] * 1000
    eventually(lambda: time.time() * 1000 > stable_at_ms, message="the stable while")
    kill_now(first.pid)
    again = agent.wait_for("node-1", lambda one: one.state is NodeState.RUNNING and one.pid != first.pid, 3.0)
    assert again.restarts == 1
    assert (again.exits[0].signal, again.exits[0].code, again.exits[0].reason) == (9, None, Reason.CRASHED)
    assert "SIGKILL" in again.message
    assert starts(agent.data / "node-1") == [first.pid, again.pid]


def test_a_node_killed_with_signal_9_comes_back_with_its_data(shared_grid: Grid) -> None:
    node = shared_grid.grpc.spawn("agent-1")
    with shared_grid.kv(node) as kv:
        kv.put("colour", "green")

    kill([node.pid])

    eventually(lambda: shared_grid.pids().get(node.node_id, node.pid) != node.pid, message="another process")
    eventually(lambda: shared_grid.grpc.show(node.node_id).restarts == 1, message="the restart shown")
    back = shared_grid.wait_node(node.node_id, "running")
    assert back.pid == shared_grid.pids()[node.node_id]
    with shared_grid.kv(back) as kv:
        assert kv.get("colour") == "green"
    status = shared_grid.stub.GetStorageNodeStatus(pb.NodeId(node_id=node.node_id), timeout=10)
    assert [(ended.signal, ended.reason) for ended in status.exits] == [(9, "crashed")]
    shared_grid.grpc.remove(node.node_id)


def test_the_restart_is_told_as_an_event_with_its_reason(shared_grid: Grid) -> None:
    node = shared_grid.grpc.spawn("agent-1")

    kill([node.pid])

    def kinds() -> set[str]:
        return {event.kind for event in shared_grid.events(node_id=node.node_id)}

    eventually(lambda: {"node.spawned", "node.exited", "node.restarted"} <= kinds(), message="events of the restart")
    (exited,) = [event for event in shared_grid.events(node_id=node.node_id) if event.kind == "node.exited"]
    assert exited.reason == "crashed"
    assert mentions(exited.message, "signal 9")
    shared_grid.grpc.remove(node.node_id)


def test_a_crash_loop_backs_off_and_ends_as_failed_with_code_and_log_and_moves_nobody_else(
    make_agent: MakeAgent,
) -> None:
    agent = make_agent(restart={"first_delay_secs": 0.4, "max_delay_secs": 5.0})
    other = agent.run("node-1")
    broken = agent.run("node-2", "broken")
    assert broken.exits[0].code == 3
    assert broken.reason is Reason.BACK_OFF
    assert mentions(broken.message, "code 3", "0.4 s"), "how it ended, and when it is started again"
    failed = agent.wait_for("node-2", NodeState.FAILED)
    assert (failed.reason, failed.pid) == (Reason.CRASH_LOOP, 0)
    assert failed.exits[0].code == 3
    assert failed.log_tail[-2:] == ("node node-2 starts", "node node-2 gives up")
    first, second, third = (one.at_ms for one in reversed(failed.exits))
    assert second - first >= 360, "the first back-off, less its jitter"
    assert third - second >= 720, "twice that"
    assert len(starts(agent.data / "node-2")) == 3
    assert agent.daemon.is_running
    assert agent.reports()["node-1"].pid == other.pid
    assert starts(agent.data / "node-1") == [other.pid]
    assert agent.want("node-2", Desired.RUNNING).reason is Reason.BACK_OFF


def test_a_node_that_ignores_its_stop_signal_is_killed_after_the_grace_and_leaves_nothing(agent: AgentHarness) -> None:
    running = agent.run("node-1", "stubborn")
    child = int(eventually((agent.data / "node-1" / "child").read_text))
    began = time.monotonic()
    stopped = agent.want("node-1", Desired.STOPPED)
    assert time.monotonic() - began >= agent.sections["engines"]["stubborn"]["stop_grace_secs"]
    assert (stopped.state, stopped.reason, stopped.pid) == (NodeState.STOPPED, Reason.STOP_TIMEOUT, 0)
    assert stopped.exits[0].signal == 9
    assert not is_alive(running.pid)
    eventually(lambda: not is_alive(child))
    assert is_port_free(running.spec.port)


@pytest.mark.soak
@pytest.mark.parametrize(
    "restart",
    [
        pytest.param({"stable_secs": 0.0}, id="restarted at once"),
        pytest.param({"stable_secs": 60.0, "first_delay_secs": BACK_OFF_SECONDS}, id="restarted after a back-off"),
    ],
)
def test_a_stop_that_races_a_crash_restart_ends_stopped_once(make_agent: MakeAgent, restart: dict[str, float]) -> None:
    agent, lucky = make_agent(restart=restart), random.Random(3)
    place = agent.data / "node-1"
    for turn in range(RACES):
        running = agent.run("node-1")
        assert running.state is NodeState.RUNNING
        began = len(starts(place))
        if turn % 2:  # the restart is on its way when the stop comes
            kill_now(running.pid)
            threading.Event().wait(lucky.uniform(0, RACE_SECONDS))
            killer = None
        else:  # the crash comes before, with or after the stop
            killer = threading.Timer(lucky.uniform(0, RACE_SECONDS / 5), _kill_if_there, [running.pid])
            killer.start()
        stopped = agent.want("node-1", Desired.STOPPED)
        if killer is not None:
            killer.join()
        assert (stopped.state, stopped.pid) == (NodeState.STOPPED, 0)
        assert len(starts(place)) <= began + 1
        assert not [pid for pid in starts(place) if is_alive(pid)]
    ever_started = starts(place)
    after_any_back_off = time.monotonic() + 2 * BACK_OFF_SECONDS
    eventually(lambda: time.monotonic() > after_any_back_off, message="the back-offs of all crashes")
    assert agent.reports()["node-1"].state is NodeState.STOPPED
    assert starts(place) == ever_started
    assert not ran_twice(place)


def test_a_node_that_died_while_the_agent_was_down_runs_again_and_is_told_as_lost(agent: AgentHarness) -> None:
    first = agent.run("node-1")
    agent.kill()
    kill_process(first.pid)
    agent.start()
    again = agent.wait_for("node-1", NodeState.RUNNING)
    assert again.pid != first.pid
    assert (again.reason, again.exits[0].reason, again.restarts) == (Reason.LOST, Reason.LOST, 1)


def _kill_if_there(pid: int) -> None:
    with suppress(ProcessLookupError):
        kill_now(pid)
