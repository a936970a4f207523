"""Two agents with one id: the second is refused, or the older one ends. No status flaps and no node is touched."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator

import pytest
from support.faults.other_boot import other_boot_or_skip
from support.faults.second_agent import another_agent, copy_state
from support.harness.daemons import Daemon, run_program
from support.harness.grid import PATIENT, Grid, GridSpec
from support.harness.interfaces import NodeView
from support.harness.processes import NodeProcess
from support.texts import logs, mentions
from support.waiting import eventually, throughout

from sutra_grid.agent.daemon import EXIT_SUPERSEDED
from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e

HEARTBEAT_SECONDS = 0.2
MANY_HEARTBEATS_SECONDS = 8 * HEARTBEAT_SECONDS


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    spec = GridSpec(
        agents=2,
        with_admin=False,
        heartbeat_seconds=HEARTBEAT_SECONDS,
        # A busy machine may be late by more than three of these heartbeats; that is not what is tested here.
        master_extra=PATIENT,
    )
    with Grid(tmp_path_factory.mktemp("grid"), spec) as grid:
        yield grid


@pytest.fixture
def node(grid: Grid) -> Iterator[NodeView]:
    """A node of agent-1. Afterwards both agents run on their own state again, and nothing is left in the grid."""
    node = grid.grpc.spawn("agent-1")
    yield node
    for agent in grid.agents.values():
        agent.signal(signal.SIGCONT)
        if not agent.is_running:
            agent.start()
            agent.wait_ready()
    grid.wait_agents("healthy")
    eventually(
        lambda: grid.agent().agent_endpoint == grid.agent_address("agent-1"), message="the heartbeat of agent-1 itself"
    )
    for left in grid.grpc.nodes():
        grid.grpc.remove(left.node_id)


def holder_never_wavers(grid: Grid, endpoint: str) -> None:
    """Over many heartbeats agent-1 is healthy, and at that endpoint."""

    def as_it_was() -> bool:
        record = grid.agent()
        return (record.status, record.agent_endpoint) == ("healthy", endpoint)

    throughout(as_it_was, MANY_HEARTBEATS_SECONDS, "agent-1 flapped")


def told_of(grid: Grid, cursor: int) -> list[pb.Event]:
    """The events of agent-1 since ``cursor``."""
    return grid.events(after_event_id=cursor, agent_id="agent-1", kind="agent")


def newest(grid: Grid) -> int:
    return grid.events()[-1].event_id


def process_of(grid: Grid, node: NodeView) -> list[NodeProcess]:
    return grid.processes()[node.node_id]


def wait_for_take_over(grid: Grid, newer: Daemon) -> str:
    """Start the other agent and wait until the master has it instead of the first. Returns its endpoint."""
    first = grid.agent_address("agent-1")
    newer.start()
    newer.wait_ready()
    eventually(lambda: grid.agent().agent_endpoint != first, message="the newer process is registered")
    return grid.agent().agent_endpoint


def test_the_same_id_from_another_host_is_refused_and_the_holder_named(grid: Grid, node: NodeView) -> None:
    before, cursor = process_of(grid, node), newest(grid)
    with another_agent(grid, "agent-1", "impostor") as impostor:
        impostor.start()
        impostor.wait_ready()
        eventually(lambda: logs(impostor.log_text(), reason="host_conflict"), message="the refusal in its log")
        holder_never_wavers(grid, grid.agent_address("agent-1"))
        told = told_of(grid, cursor)
        log = impostor.log_text()
        # It retries, because the holder may be removed from the grid. It logs the refusal once.
        assert impostor.is_running
        assert impostor.stop() == 0
    holder = grid.agent().hostname
    assert mentions(log, holder, "data_path", "state_path", "Is the data disk mounted")
    assert "agents remove" not in log, "the holder is healthy: nothing leads to its removal"
    assert [(event.kind, event.reason) for event in told] == [("agent.refused", "host_conflict")], "once"
    assert all(holder in event.message for event in told)
    assert process_of(grid, node) == before
    # Its end is no end of the holder.
    holder_never_wavers(grid, grid.agent_address("agent-1"))


def test_an_impostor_takes_the_place_once_its_holder_is_removed(grid: Grid) -> None:
    with another_agent(grid, "agent-2", "successor") as successor:
        successor.start()
        successor.wait_ready()
        eventually(lambda: logs(successor.log_text(), reason="host_conflict"), message="refused at first")
        grid.agents["agent-2"].stop()
        eventually(lambda: grid.agent("agent-2").status == "offline", message="the holder is gone")
        grid.stub.RemoveAgent(pb.AgentId(agent_id="agent-2"), timeout=10)
        eventually(lambda: grid.agent_statuses().get("agent-2") == "healthy", message="admitted")
        successor.stop()
    grid.stub.RemoveAgent(pb.AgentId(agent_id="agent-2"), timeout=10)
    grid.agents["agent-2"].start()
    grid.agents["agent-2"].wait_ready()
    grid.wait_agents("healthy")


def test_a_second_process_of_one_state_directory_ends_and_names_who_holds_it(grid: Grid, node: NodeView) -> None:
    agent, before, cursor = grid.agents["agent-1"], process_of(grid, node), newest(grid)

    second = run_program("sutra-grid-agent", "--config", str(agent.config), "--listen", "127.0.0.1:0")

    assert second.exit_code == 1
    assert mentions(second.stderr, agent.pid, "agent-1")
    assert "Traceback" not in second.stderr
    holder_never_wavers(grid, grid.agent_address("agent-1"))
    assert told_of(grid, cursor) == []
    assert process_of(grid, node) == before


@pytest.mark.parametrize("paused", [True, False], ids=["that-was-paused", "that-runs"])
def test_an_older_process_is_told_and_ends_and_its_nodes_run_on(grid: Grid, node: NodeView, paused: bool) -> None:
    older, before, cursor = grid.agents["agent-1"], process_of(grid, node), newest(grid)
    if paused:
        older.signal(signal.SIGSTOP)
    name = f"newer-{paused}"
    with another_agent(grid, "agent-1", name, state=copy_state(grid, "agent-1", name)) as newer:
        endpoint, taken_over = wait_for_take_over(grid, newer), newest(grid)
        older.signal(signal.SIGCONT)
        assert older.exit_code() == EXIT_SUPERSEDED
        holder_never_wavers(grid, endpoint)
        assert newer.is_running
        # One that was paused for long may have been degraded before.
        told = [event.kind for event in told_of(grid, cursor)]
        assert told.count("agent.registered") == 1
        assert "agent.superseded" in told or paused
        assert told_of(grid, taken_over) == []
        assert grid.wait_node(node.node_id, "running").pid == node.pid
        assert process_of(grid, node) == before
        # Who has taken over commands the nodes.
        assert grid.grpc.restart(node.node_id).pid not in (0, node.pid)
        newer.stop()
    assert logs(older.log_text(), "superseded", agent="agent-1")


def test_a_whole_state_directory_on_a_second_host_takes_over_once_and_signals_nothing_of_the_first(
    grid: Grid, node: NodeView
) -> None:
    """The identity of a host goes where the data goes: the newest holder of it is the agent."""
    elsewhere = other_boot_or_skip(grid.root)
    older, before, cursor = grid.agents["agent-1"], process_of(grid, node), newest(grid)
    state = copy_state(grid, "agent-1", "second-host")
    with another_agent(grid, "agent-1", "second-host", state=state, run_in=elsewhere, own_data=True) as newer:
        endpoint = wait_for_take_over(grid, newer)
        assert older.exit_code() == EXIT_SUPERSEDED
        holder_never_wavers(grid, endpoint)
        assert [event.kind for event in told_of(grid, cursor)] == ["agent.registered", "agent.superseded"]
        # It can't start the node: the second host does not have its path. The process on the first host keeps running.
        assert grid.grpc.show(node.node_id).pid == 0
        assert process_of(grid, node) == before
        newer.stop()
        assert process_of(grid, node) == before


def test_a_journal_of_another_agents_node_starts_stops_and_adopts_nothing(grid: Grid, node: NodeView) -> None:
    other, before = grid.agents["agent-2"], process_of(grid, node)
    file = grid.state_path("agent-2") / "nodes" / f"{node.node_id}.json"
    other.stop()
    shutil.copy(grid.state_path("agent-1") / "nodes" / file.name, file)
    other.start()
    other.wait_ready()
    eventually(lambda: [e for e in grid.events(agent_id="agent-2") if e.kind == "node.foreign"], message="told")
    shown = grid.grpc.show(node.node_id)
    assert (shown.agent_id, shown.status, shown.pid) == ("agent-1", "running", node.pid)
    assert process_of(grid, node) == before
    other.stop()
    file.unlink()
    assert process_of(grid, node) == before
