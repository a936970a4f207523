"""Thousands of agents at once, over real gRPC, to a real master that was just killed and started again."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.harness.grid import Grid, GridSpec
from support.harness.registration import register_with_retry
from support.harness.storm import Fleet, PlainFleet, TlsFleet

from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire import grid_pb2_grpc as rpc

pytestmark = pytest.mark.e2e

NAMES = [f"host-{number:04}" for number in range(2_000)]
RECONNECTS_AT_ONCE = 64
INTERVAL_MS = 5_000
GRACE_SECONDS = 6 * INTERVAL_MS / 1000
CALL_SECONDS = 10.0

Sessions = dict[str, str]


def register_all(fleet: Fleet, each_within_seconds: float) -> tuple[Sessions, float]:
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
        answer = register_with_retry(stub, info, CALL_SECONDS, each_within_seconds)
        assert answer.success, answer.error_message
        sessions[name] = answer.session_id

    return sessions, fleet.at_once(register)


def beat_all(fleet: Fleet, sessions: Sessions) -> float:
    def beat(stub: rpc.GridMasterStub, name: str) -> None:
        request = pb.HeartbeatRequest(agent_id=name, session_id=sessions[name], timestamp=int(time.time()))
        answer = stub.Heartbeat(request, timeout=CALL_SECONDS, wait_for_ready=True)
        assert answer.acknowledged, answer.message

    return fleet.at_once(beat, RECONNECTS_AT_ONCE)


@pytest.mark.soak
@pytest.mark.parametrize("with_tls", [False, True], ids=["plaintext", "mutual TLS"])
def test_all_are_admitted_within_one_grace_period_after_a_restart_and_nobody_goes_offline(
    tmp_path: Path, with_tls: bool
) -> None:
    each_within_seconds = GRACE_SECONDS if with_tls else CALL_SECONDS
    with ExitStack() as stack:
        grid = stack.enter_context(Grid(tmp_path, GridSpec(agents=0, with_admin=False, with_tls=with_tls)))
        fleet: Fleet = stack.enter_context(TlsFleet(grid, NAMES) if with_tls else PlainFleet(grid, NAMES))
        before, _ = register_all(fleet, each_within_seconds)
        cursor = grid.events()[-1].event_id
        grid.master.kill()
        began = time.monotonic()
        grid.master.start()
        grid.master.wait_ready()
        assert beat_all(fleet, before) < GRACE_SECONDS  # those that kept their sessions
        after, _ = register_all(fleet, each_within_seconds)  # and those whose processes started again
        admitted_after = time.monotonic() - began
        beat_all(fleet, after)

        assert admitted_after < GRACE_SECONDS
        assert set(after.values()).isdisjoint(before.values())
        assert grid.agent_statuses() == dict.fromkeys(NAMES, "healthy")
        told = grid.stub.ListEvents(pb.ListEventsRequest(limit=1000, after_event_id=cursor, kind="agent.offline"))
        assert not told.events
