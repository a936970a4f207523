"""The registry is unavailable for a while: locked, on a full disk, unreachable. Everything recovers by itself."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest
from support.faults.tmpfs import fill, small_disk
from support.harness.grid import Grid, GridSpec
from support.harness.interfaces import NodeView, Refused
from support.harness.postgres import own_server
from support.harness.processes import kill_and_wait
from support.texts import mentions
from support.values import registry_errors
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e

HOLD_A_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""

COMMAND_SECONDS = 9.0
"""What a command may take to say that the registry does not answer: it waits 5 s for a lock."""


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another program holds the registry as long as the context lasts."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_A_LOCK, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        yield


def refusal_of_restart(grid: Grid, node: NodeView) -> Refused:
    started = time.monotonic()
    with pytest.raises(Refused) as caught:
        grid.grpc.restart(node.node_id)
    assert time.monotonic() - started < COMMAND_SECONDS
    assert (caught.value.code, caught.value.reason) == ("unavailable", "registry_unavailable")
    return caught.value


def all_is_well(grid: Grid, *, admin: bool) -> bool:
    """Whether agents are healthy and reads are answered at once while the registry is unavailable."""
    started = time.monotonic()
    assert set(grid.agent_statuses().values()) == {"healthy"}
    assert grid.stub.GetClusterStatus(pb.Empty(), timeout=5).healthy_agents == len(grid.agents)
    if admin:
        assert grid.http.get("/nodes").status == 200
        assert grid.http.get("/status").status == 200
    assert time.monotonic() - started < 3.0
    return True


def reads_at_once(grid: Grid) -> list[grpc.Future]:
    """Calls that read the registry, made together; returns when all have ended, without an answer at their deadline."""
    calls = [grid.stub.ListEvents.future(pb.ListEventsRequest(), timeout=20) for _ in range(6)]
    for call in calls:
        call.exception()
    return calls


def killed_and_restarted(grid: Grid, node: NodeView) -> int:
    """Kill a node. Returns its new pid when the master shows it."""
    kill_and_wait([node.pid])
    return eventually(
        lambda: (view := grid.grpc.show(node.node_id)).status == "running" and view.pid != node.pid and view.pid,
        message="the new process is shown",
    )


def everything_recovers(grid: Grid, node: NodeView, pid: int) -> None:
    """The events of the outage are in the registry: the admin, which reads only the registry, shows them."""

    def told() -> list[pb.Event]:
        return [event for event in grid.events(kind="node.restarted") if event.node_id == node.node_id]

    def shown_by_the_admin() -> bool:
        answer = grid.http.get(f"/nodes/{node.node_id}")  # by one of its workers, each of which has its own connections
        return answer.status == 200 and answer.json["pid"] == pid

    eventually(shown_by_the_admin, 15.0, "the admin shows the new process")
    assert told()
    assert not grid.events(kind="agent.degraded")
    assert grid.pids()[node.node_id] == pid
    assert grid.grpc.restart(node.node_id).status == "running"


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with Grid(tmp_path_factory.mktemp("grid"), GridSpec(agents=2)) as grid:
        grid.grpc.spawn("agent-1")
        grid.grpc.spawn("agent-2")
        yield grid


@pytest.mark.parametrize("seconds", [6, pytest.param(30, marks=pytest.mark.soak)])
def test_locked_by_another_program_commands_fail_and_all_else_goes_on(grid: Grid, seconds: int) -> None:
    node, other = grid.grpc.nodes()
    with locked(grid.registry):
        until = time.monotonic() + seconds
        pid = killed_and_restarted(grid, node)
        assert mentions(refusal_of_restart(grid, other).message, registry_errors.LOCKED)
        eventually(lambda: all_is_well(grid, admin=True) and time.monotonic() > until, seconds + 5.0)
    everything_recovers(grid, node, pid)
    assert grid.pids()[other.node_id] == other.pid


def test_registrations_that_wait_for_the_lock_leave_threads_for_everybody_else(grid: Grid) -> None:
    with locked(grid.registry):
        waiting = [
            grid.stub.RegisterAgent.future(pb.AgentInfo(agent_id=f"late-{number}"), timeout=20) for number in range(200)
        ]
        eventually(lambda: any(call.done() for call in waiting), message="the first ones are refused")
        assert all_is_well(grid, admin=False)
        codes = {call.code() for call in waiting}
    assert codes == {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE}
    assert set(grid.agent_statuses()) == set(grid.agents)


@pytest.mark.soak
def test_on_a_full_disk_commands_fail_and_all_else_goes_on(tmp_path: Path) -> None:
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(tmp_path / "disk", size_mb=1))
        spec = GridSpec(registry_url=f"sqlite:///{disk}/registry.db")
        grid = stack.enter_context(Grid(tmp_path / "grid", spec))
        node, other = grid.grpc.spawn(), grid.grpc.spawn()
        filler = fill(disk)
        pid = killed_and_restarted(grid, node)
        assert mentions(refusal_of_restart(grid, other).message, registry_errors.FULL)
        with pytest.raises(Refused, match=registry_errors.FULL):
            grid.grpc.spawn()
        assert all_is_well(grid, admin=True)
        assert grid.pids().keys() == {node.node_id, other.node_id}
        filler.unlink()
        everything_recovers(grid, node, pid)
        assert grid.pids()[other.node_id] == other.pid


@pytest.mark.soak
@pytest.mark.postgres
def test_while_the_database_server_is_away_commands_fail_and_all_else_goes_on(tmp_path: Path) -> None:
    with own_server() as server, Grid(tmp_path / "grid", GridSpec(registry_url=server.url)) as grid:
        node, other = grid.grpc.spawn(), grid.grpc.spawn()
        server.stop()
        pid = killed_and_restarted(grid, node)
        assert mentions(refusal_of_restart(grid, other).message, registry_errors.UNREACHABLE)
        answer = grid.http.get("/nodes")
        assert answer.status == 503
        assert mentions(answer.json["detail"], registry_errors.UNREACHABLE)
        assert all_is_well(grid, admin=False)
        server.start()
        everything_recovers(grid, node, pid)
        assert grid.pids()[other.node_id] == other.pid
        assert "Traceback" not in grid.master.log_text() + grid.admin.log_text()


@pytest.mark.soak
@pytest.mark.postgres
def test_while_the_database_server_hangs_commands_fail_and_all_else_goes_on(tmp_path: Path) -> None:
    with own_server() as server, Grid(tmp_path / "grid", GridSpec(registry_url=server.url)) as grid:
        node, other = grid.grpc.spawn(), grid.grpc.spawn()
        assert {call.code() for call in reads_at_once(grid)} == {grpc.StatusCode.OK}  # each on a connection of its own
        with server.frozen():
            assert {call.code() for call in reads_at_once(grid)} == {grpc.StatusCode.UNAVAILABLE}
            pid = killed_and_restarted(grid, node)
            assert mentions(refusal_of_restart(grid, other).message, registry_errors.UNREACHABLE)
            answer = grid.http.get("/nodes")
            assert answer.status == 503
            assert mentions(answer.json["detail"], registry_errors.UNREACHABLE)
            assert all_is_well(grid, admin=False)
        everything_recovers(grid, node, pid)
        assert grid.pids()[other.node_id] == other.pid
        assert "Traceback" not in grid.master.log_text() + grid.admin.log_text()
