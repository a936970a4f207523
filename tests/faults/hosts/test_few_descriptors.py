"""Master and admin with few descriptors: clients that take them all stop nobody, and a shortage passes."""

from __future__ import annotations

import contextlib
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import grpc
import psutil
import pytest
from support.harness.grid import Grid, GridSpec
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e

LIMIT = 256
CLIENTS = 400
LIMITED = ["prlimit", f"--nofile={LIMIT}:{LIMIT}"]
NONE_FREE = 3


@contextlib.contextmanager
def idle_clients(address: str) -> Iterator[None]:
    """Connections that say nothing."""
    host, _, port = address.rpartition(":")
    with contextlib.ExitStack() as stack:
        for _ in range(CLIENTS):
            connection = stack.enter_context(socket.socket())
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                connection.connect((host, int(port)))
        yield


def cpu_seconds(pids: list[int]) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(each.user + each.system for each in times)


def heartbeat_comes(grid: Grid) -> None:
    last = grid.agent().last_heartbeat
    eventually(lambda: grid.agent().last_heartbeat > last, 20, "heartbeats")


@pytest.mark.soak
def test_more_clients_than_descriptors_stop_neither_master_nor_admin(tmp_path: Path) -> None:
    with Grid(tmp_path, GridSpec(heartbeat_seconds=0.5, run_in={"master": LIMITED, "admin": LIMITED})) as grid:
        daemons = [grid.master.pid, grid.admin.pid]
        workers = {child.pid for child in psutil.Process(grid.admin.pid).children()}
        with idle_clients(grid.master_address), idle_clients(grid.admin_address):
            heartbeat_comes(grid)
            node = grid.grpc.spawn("agent-1")
            used = cpu_seconds(daemons)
            heartbeat_comes(grid)
            assert cpu_seconds(daemons) - used < 5.0, "an accept loop spins"
        eventually(lambda: answers(grid), 20, "the admin answers")
        assert grid.rest.show(node.node_id).status == "running"
        assert [grid.master.pid, grid.admin.pid] == daemons
        assert {child.pid for child in psutil.Process(grid.admin.pid).children()} == workers
        late = grpc.insecure_channel(grid.master_address, options=[("grpc.use_local_subchannel_pool", 1)])
        with late:
            grpc.channel_ready_future(late).result(20)


@pytest.mark.soak
def test_a_master_without_a_free_descriptor_answers_and_recovers(tmp_path: Path) -> None:
    with Grid(tmp_path, GridSpec(heartbeat_seconds=0.5, with_admin=False)) as grid:
        node = grid.grpc.spawn("agent-1")
        pid = grid.master.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (NONE_FREE, before[1]))
        try:
            for _ in range(3):
                heartbeat_comes(grid)
            assert grid.agent().status == "healthy"
            answer = grid.stub.GetStorageNodeStatus(pb.NodeId(node_id=node.node_id), timeout=10)
            assert answer.status == "running"
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        again = grid.grpc.spawn("agent-1")
        assert grid.pids() == {node.node_id: node.pid, again.node_id: again.pid}
        assert grid.master.pid == pid


@pytest.mark.soak
def test_an_admin_without_a_free_descriptor_waits_and_recovers(tmp_path: Path) -> None:
    # With one worker, an admin that answers has started it: a worker that can't load its modules is another fault.
    one_worker = ["env", "SUTRA_GRID_ADMIN__WORKERS=1"]
    with Grid(tmp_path, GridSpec(heartbeat_seconds=0.5, run_in={"admin": one_worker})) as grid:
        arbiter = psutil.Process(grid.admin.pid)
        processes = [arbiter.pid, *(child.pid for child in arbiter.children())]
        limits = resource.prlimit(arbiter.pid, resource.RLIMIT_NOFILE)
        for pid in processes:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (NONE_FREE, limits[1]))
        with idle_clients(grid.admin_address):
            used = cpu_seconds(processes)
            heartbeat_comes(grid)
            assert cpu_seconds(processes) - used < 2.0, "the accept loop spins"
        for pid in processes:  # they are all still there
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        eventually(lambda: answers(grid), 20, "the admin answers")
        assert [arbiter.pid, *(child.pid for child in arbiter.children())] == processes


def answers(grid: Grid) -> bool:
    try:
        return grid.http.get("/readyz").status == 200
    except OSError:
        return False
