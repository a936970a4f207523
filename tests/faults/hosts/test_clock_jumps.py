"""The wall clocks of daemons jump by hours while they run: no status and nothing else changes."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.faults.registry_files import back_up_registry, delete_registry
from support.faults.second_agent import another_agent, copy_state
from support.faults.wall_clock import WallClock, wall_clock_or_skip
from support.harness import processes
from support.harness.grid import PATIENT, Grid, GridSpec
from support.harness.interfaces import NodeView
from support.texts import logs
from support.waiting import eventually, throughout

from sutra_grid import __version__

pytestmark = pytest.mark.e2e

HEARTBEAT_SECONDS = 0.2
MANY_HEARTBEATS_SECONDS = 8 * HEARTBEAT_SECONDS  # agents are judged twice a second
JUMP_SECONDS = 5 * 3600
FIRST_DELAY_SECONDS = 0.6
JITTER = 0.1  # of core.restart.RestartPolicy
BUSY_SECONDS = 5.0
"""So much later a busy machine may start a process; far less than a jump."""
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Turnable:
    """A grid whose master and whose agents have separate wall clocks."""

    grid: Grid
    of_master: WallClock
    of_agents: WallClock


@pytest.fixture(scope="module")
def turnable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnable]:
    with ExitStack() as stack:
        directory = tmp_path_factory.mktemp("clocks")
        of_master, of_agents = (stack.enter_context(wall_clock_or_skip(directory)) for _ in range(2))
        spec = GridSpec(
            agents=2,
            with_admin=False,
            heartbeat_seconds=HEARTBEAT_SECONDS,
            # Far more missed heartbeats than a busy machine makes, and far less than any jump.
            master_extra=PATIENT,
            extra={"restart": {"stable_secs": 600.0, "first_delay_secs": FIRST_DELAY_SECONDS}},
            run_in={"master": of_master.run_in, "agent-1": of_agents.run_in, "agent-2": of_agents.run_in},
        )
        grid = stack.enter_context(Grid(tmp_path_factory.mktemp("grid"), spec))
        yield Turnable(grid, of_master, of_agents)


@pytest.fixture
def node(turnable: Turnable) -> Iterator[NodeView]:
    """A node that runs while all clocks are right, as they are again afterwards."""
    node = turnable.grid.grpc.spawn("agent-1")
    yield node
    turnable.of_master.turn_to(0)
    turnable.of_agents.turn_to(0)
    turnable.grid.wait_agents("healthy")
    for left in turnable.grid.grpc.nodes():
        turnable.grid.grpc.remove(left.node_id)


def wait_for_new_time(turnable: Turnable) -> None:
    """Return when every agent has sent a heartbeat by the master's clock as it is now."""

    def off_seconds() -> float:
        return max(
            abs(turnable.grid.agent(name).last_heartbeat - time.time() - turnable.of_master.offset_seconds)
            for name in turnable.grid.agents
        )

    eventually(lambda: off_seconds() < 60, message="heartbeats by the turned clock")


@pytest.mark.parametrize(
    ("master_seconds", "agents_seconds"),
    [(JUMP_SECONDS, JUMP_SECONDS), (-JUMP_SECONDS, -JUMP_SECONDS), (JUMP_SECONDS, 0), (0, -JUMP_SECONDS)],
    ids=["all-on", "all-back", "the-masters-on", "the-agents-back"],
)
def test_no_status_changes_and_nothing_happens_when_a_clock_jumps(
    turnable: Turnable, node: NodeView, master_seconds: int, agents_seconds: int
) -> None:
    grid = turnable.grid
    cursor = grid.events()[-1].event_id

    turnable.of_master.jump(master_seconds)
    turnable.of_agents.jump(agents_seconds)

    healthy = dict.fromkeys(grid.agents, "healthy")
    throughout(lambda: grid.agent_statuses() == healthy, MANY_HEARTBEATS_SECONDS, "an agent's status changed")
    wait_for_new_time(turnable)
    shown = grid.grpc.show(node.node_id)
    assert (shown.status, shown.health, shown.pid) == ("running", "healthy", node.pid)
    assert grid.pids()[node.node_id] == node.pid
    assert [event.kind for event in grid.events(after_event_id=cursor)] == []


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [JUMP_SECONDS, -JUMP_SECONDS], ids=["on", "back"])
def test_a_back_off_is_neither_cut_short_nor_drawn_out(turnable: Turnable, node: NodeView, seconds: int) -> None:
    grid = turnable.grid

    def killed(view: NodeView) -> NodeView:
        at_seconds = time.clock_gettime(time.CLOCK_BOOTTIME)
        processes.kill([view.pid])
        eventually(lambda: grid.grpc.show(node.node_id).reason == "back_off", message="back-off shown")
        turnable.of_agents.jump(seconds)
        again = eventually(lambda: (new := grid.grpc.show(node.node_id)).pid not in (0, view.pid) and new)
        assert again
        delays.append(processes.start_ticks(again.pid) / TICKS_A_SECOND - at_seconds)
        return grid.wait_node(node.node_id, "running")

    delays: list[float] = []
    assert killed(killed(node)).restarts == 2

    # The second one is twice as long: the first end still counts.
    for delay, wanted in zip(delays, (FIRST_DELAY_SECONDS, 2 * FIRST_DELAY_SECONDS), strict=True):
        assert wanted * (1 - JITTER) - 1 / TICKS_A_SECOND <= delay <= wanted * (1 + JITTER) + BUSY_SECONDS, delays


def test_commands_work_on_both_sides_of_a_jump(turnable: Turnable, node: NodeView) -> None:
    grid = turnable.grid
    turnable.of_master.jump(JUMP_SECONDS)
    turnable.of_agents.jump(JUMP_SECONDS)
    assert grid.grpc.stop(node.node_id).status == "stopped"
    turnable.of_master.jump(-2 * JUMP_SECONDS)
    turnable.of_agents.jump(-2 * JUMP_SECONDS)
    again = grid.grpc.start(node.node_id)
    assert again.status == "running"
    assert grid.pids()[node.node_id] == again.pid


def test_an_agent_that_registers_after_a_jump_back_is_the_newer_one(turnable: Turnable, node: NodeView) -> None:
    grid = turnable.grid
    older = grid.agents["agent-1"]
    older.signal(signal.SIGSTOP)
    state = copy_state(grid, "agent-1", "copied")
    turnable.of_master.jump(-JUMP_SECONDS)
    turnable.of_agents.jump(-JUMP_SECONDS)
    try:
        with another_agent(grid, "agent-1", "copied", state=state, run_in=turnable.of_agents.run_in) as newer:
            newer.start()
            newer.wait_ready()
            eventually(
                lambda: logs(newer.log_text(), agent="agent-1", master_version=__version__),
                message="the newer one is admitted",
            )
            eventually(lambda: grid.agent().status == "healthy", message="the heartbeat of the newer one")
            older.signal(signal.SIGCONT)
            assert older.exit_code() == 3
            throughout(lambda: newer.is_running, MANY_HEARTBEATS_SECONDS, "the newer process ended")
            assert grid.agent().agent_endpoint in newer.config.read_text()
            assert grid.pids()[node.node_id] == node.pid
            newer.stop()
    finally:
        older.signal(signal.SIGCONT)
        if not older.is_running:
            older.start()
            older.wait_ready()


def test_a_master_that_starts_before_its_own_past_has_the_same_view(turnable: Turnable, node: NodeView) -> None:
    grid = turnable.grid
    grid.master.kill()
    turnable.of_master.jump(-JUMP_SECONDS)
    cursor = len(grid.master.log_text())
    grid.master.start()
    grid.master.wait_ready()
    wait_for_new_time(turnable)
    assert grid.agent_statuses() == dict.fromkeys(grid.agents, "healthy")
    assert grid.wait_node(node.node_id, "running").pid == node.pid
    assert "superseded" not in grid.master.log_text()[cursor:]


@pytest.mark.soak
def test_a_registry_lost_after_a_jump_back_and_restored_from_before_it_ends_no_agent(
    turnable: Turnable, node: NodeView, tmp_path: Path
) -> None:
    grid, agent = turnable.grid, turnable.grid.agents["agent-1"]

    def start_master_with(registry: Path | None) -> None:
        grid.master.kill()
        delete_registry(grid.registry)
        if registry is not None:
            registry.replace(grid.registry)
        grid.master.start()
        grid.master.wait_ready()
        grid.wait_agents("healthy")
        wait_for_new_time(turnable)

    def has_recorded_heartbeats() -> bool:
        with closing(sqlite3.connect(grid.registry)) as connection:
            rows = connection.execute("SELECT last_heartbeat_ms > registered_at_ms FROM agents").fetchall()
        return rows == [(True,)] * len(grid.agents)

    eventually(has_recorded_heartbeats, message="a heartbeat of the older process is on record")
    copy = back_up_registry(grid.registry, tmp_path / "copy.db")
    cursor = len(agent.log_text())
    agent.kill()
    turnable.of_master.jump(-JUMP_SECONDS)
    turnable.of_agents.jump(-JUMP_SECONDS)
    agent.start()
    agent.wait_ready()
    start_master_with(None)
    start_master_with(copy)

    throughout(lambda: agent.is_running, MANY_HEARTBEATS_SECONDS, "the only process of the agent has ended")
    assert "superseded" not in agent.log_text()[cursor:]
    assert grid.wait_node(node.node_id, "running").pid == node.pid
