"""Thousands of agents at once, over real gRPC, to a real master that was just killed and started again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import grpc
import pytest
from support.harness.grid import Grid, GridSpec
from support.harness.kv import CHANNEL_OPTIONS
from support.harness.registration import register_with_retry

from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire import grid_pb2_grpc as rpc

pytestmark = pytest.mark.e2e

AGENTS = 2_000
CONNECTIONS = 16
INTERVAL_MS = 5_000
GRACE_SECONDS = 6 * INTERVAL_MS / 1000
CALL_SECONDS = 10.0

Sessions = dict[str, str]


def names() -> Iterator[str]:
    return (f"host-{number:04}" for number in range(AGENTS))


def at_once(grid: Grid, call: Callable[[rpc.GridMasterStub, str], None]) -> float:
    """Make a call for every agent, over a few connections at the same time. Returns the seconds it took."""

    def some(first: int) -> None:
        # No options in common, so that each has a connection of its own.
        options = [*CHANNEL_OPTIONS, ("sutra.connection", first)]
        with grpc.insecure_channel(grid.master_address, options=options) as channel:
            stub = rpc.GridMasterStub(channel)
            for name in islice(names(), first, None, CONNECTIONS):
                call(stub, name)

    began = time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(some, range(CONNECTIONS)))
    return time.monotonic() - began


def register_all(grid: Grid) -> tuple[Sessions, float]:
    sessions: Sessions = {}

    def register(stub: rpc.GridMasterStub, name: str) -> None:
        info = pb.AgentInfo(
            agent_id=name,
            hostname=name,
            platform="docker",
            max_storage_nodes=10,
            version="0.1.0",
            agent_endpoint="127.0.0.1:1",
            host_id=f"identity of {name}",
            instance_id=f"process of {name}",
            heartbeat_interval_ms=INTERVAL_MS,
        )
        answer = register_with_retry(stub, info, CALL_SECONDS)
        assert answer.success, answer.error_message
        sessions[name] = answer.session_id

    return sessions, at_once(grid, register)


def beat_all(grid: Grid, sessions: Sessions) -> float:
    def beat(stub: rpc.GridMasterStub, name: str) -> None:
        request = pb.HeartbeatRequest(agent_id=name, session_id=sessions[name], timestamp=int(time.time()))
        answer = stub.Heartbeat(request, timeout=CALL_SECONDS, wait_for_ready=True)
        assert answer.acknowledged, answer.message

    return at_once(grid, beat)


@pytest.mark.soak
def test_all_are_admitted_within_one_grace_period_after_a_restart_and_nobody_goes_offline(tmp_path: Path) -> None:
    with ExitStack() as stack:
        grid = stack.enter_context(Grid(tmp_path, GridSpec(agents=0, with_admin=False)))
        before, _ = register_all(grid)
        cursor = grid.events()[-1].event_id
        grid.master.kill()
        began = time.monotonic()
        grid.master.start()
        grid.master.wait_ready()
        assert beat_all(grid, before) < GRACE_SECONDS  # those that kept their sessions
        after, _ = register_all(grid)  # and those whose processes started again
        admitted_after = time.monotonic() - began
        beat_all(grid, after)

        assert admitted_after < GRACE_SECONDS
        assert set(after.values()).isdisjoint(before.values())
        assert grid.agent_statuses() == dict.fromkeys(names(), "healthy")
        told = grid.stub.ListEvents(pb.ListEventsRequest(limit=1000, after_event_id=cursor, kind="agent.offline"))
        assert not told.events
