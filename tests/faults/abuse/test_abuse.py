"""Five thousand bad requests to each port: every daemon keeps running, answers afterwards, and leaks nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import grpc
import psutil
import pytest
from google.protobuf.descriptor import ServiceDescriptor
from support.faults.abuse import GRPC_PAYLOADS, HTTP_PAYLOADS, Target, abuse, held_open
from support.harness.grid import Grid, GridSpec
from support.harness.interfaces import NodeView
from support.values.messages import path_of
from support.waiting import eventually

from sutra_grid.wire import grid_pb2, node_pb2, storage_pb2

pytestmark = pytest.mark.e2e

AGENT = "agent-1"
WARM_UP = 1_000
REQUESTS = 5_000
HELD_OPEN = 200
MAX_GROWTH_BYTES = 8 * 1024 * 1024
"""Measured: 0 to 1 MiB. The allocator may keep some of what a large message had."""
SPARE_DESCRIPTORS = 4
"""Those of pollers come and go."""
SPARE_THREADS = 8
"""A pool starts its threads when they are first needed together."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The target: a port, the processes behind it, and a check that it still answers."""

    target: Target
    processes: Callable[[], list[psutil.Process]]
    answers: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Held:
    """The memory and descriptors of several processes, summed up."""

    resident_bytes: int
    descriptors: int
    threads: int

    @classmethod
    def by(cls, processes: list[psutil.Process]) -> Held:
        return cls(
            sum(process.memory_info().rss for process in processes),
            sum(process.num_fds() for process in processes),
            sum(process.num_threads() for process in processes),
        )


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with Grid(tmp_path_factory.mktemp("grid"), GridSpec(heartbeat_seconds=1.0)) as grid:
        yield grid


@pytest.fixture(scope="module")
def node(grid: Grid) -> NodeView:
    return grid.grpc.spawn(AGENT)


def methods_of(*services: ServiceDescriptor) -> tuple[str, ...]:
    return tuple(path_of(method) for service in services for method in service.methods)


def subject_of(name: str, grid: Grid, node: NodeView) -> Subject:
    grid_services = grid_pb2.DESCRIPTOR.services_by_name
    if name == "master":
        target = Target(name, grid.master_address, GRPC_PAYLOADS, methods_of(grid_services["GridMaster"]))
        return Subject(target, lambda: [psutil.Process(grid.master.pid)], lambda: bool(grid.agent_statuses()))
    if name == "agent":
        target = Target(name, grid.agent_address(AGENT), GRPC_PAYLOADS, methods_of(grid_services["GridAgent"]))
        pid = grid.agents[AGENT].pid
        return Subject(target, lambda: [psutil.Process(pid)], lambda: reads_its_log(grid, node))
    if name == "storage node":
        services = (storage_pb2.DESCRIPTOR.services_by_name["KV"], node_pb2.DESCRIPTOR.services_by_name["StorageNode"])
        target = Target(name, node.endpoint, GRPC_PAYLOADS, methods_of(*services))
        return Subject(target, lambda: [psutil.Process(node.pid)], lambda: takes_a_write(grid, node))
    arbiter = psutil.Process(grid.admin.pid)
    target = Target(name, grid.admin_address, HTTP_PAYLOADS)
    return Subject(
        target,
        lambda: [arbiter, *arbiter.children(recursive=True)],
        lambda: grid.http.get("/readyz").status == 200,
    )


def reads_its_log(grid: Grid, node: NodeView) -> bool:
    return bool(grid.stub.ReadNodeLog(grid_pb2.LogRequest(node_id=node.node_id), timeout=10).data)


def takes_a_write(grid: Grid, node: NodeView) -> bool:
    with grid.kv(node) as kv:
        kv.put("good", "value")
        return kv.get("good") == "value"


@pytest.mark.soak
@pytest.mark.parametrize("name", ["master", "agent", "storage node", "admin"])
def test_bad_requests_by_the_thousand_are_answered_and_forgotten(grid: Grid, node: NodeView, name: str) -> None:
    subject = subject_of(name, grid, node)
    pids = [process.pid for process in subject.processes()]
    abuse(subject.target, WARM_UP, seed=1)
    answers_many(subject)
    before = Held.by(subject.processes())

    abuse(subject.target, REQUESTS, seed=2)

    assert subject.answers()
    assert [process.pid for process in subject.processes()] == pids, "a process was replaced"
    held = held_after_a_while(subject, before)
    assert holds_no_more(held, before), f"held {before} before, and {held} afterwards"
    assert grid.pids() == {node.node_id: node.pid}
    assert all("Traceback" not in daemon.log_text() for daemon in grid.daemons)


def answers_many(subject: Subject) -> None:
    """Good requests at the same time, so that every worker process has had some and holds what it needs for them.

    So many new connections at once may need a second try on a busy host.
    """

    def answered() -> bool:
        with suppress(grpc.RpcError):
            return subject.answers()
        return False

    with ThreadPoolExecutor(max_workers=16) as pool:
        assert all(pool.map(lambda _: eventually(answered), range(64)))


def held_after_a_while(subject: Subject, before: Held) -> Held:
    """The resources in use after the connections are closed, or after some seconds if they are not."""
    with suppress(AssertionError):
        eventually(lambda: holds_no_more(Held.by(subject.processes()), before))
    return Held.by(subject.processes())


def holds_no_more(now: Held, before: Held) -> bool:
    return (
        now.resident_bytes <= before.resident_bytes + MAX_GROWTH_BYTES
        and now.descriptors <= before.descriptors + SPARE_DESCRIPTORS
        and now.threads <= before.threads + SPARE_THREADS
    )


@pytest.mark.parametrize("name", ["master", "agent", "storage node"])
def test_requests_that_never_end_hold_up_nobody(grid: Grid, node: NodeView, name: str) -> None:
    subject = subject_of(name, grid, node)
    before = Held.by(subject.processes())

    with held_open(subject.target, HELD_OPEN):
        assert all(subject.answers() for _ in range(10))
        assert grid.agent_statuses() == {AGENT: "healthy"}

    held = held_after_a_while(subject, before)
    assert holds_no_more(held, before), f"held {before} before, and {held} afterwards"
