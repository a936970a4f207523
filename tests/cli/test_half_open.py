"""A connection to the master that is open on this side only: the command line leaves it within seconds."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from support.fakes.fake_master import FakeMaster
from support.faults.fault_proxy import FaultProxy
from support.values.cli_records import node
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.keepalive import DENSE_KEEPALIVE

Start = Callable[..., subprocess.Popen[str]]

LEFT_SECONDS = DENSE_KEEPALIVE.time_seconds + DENSE_KEEPALIVE.timeout_seconds + 4
"""The rest is for a pause, a poll and a slow machine."""


@pytest.fixture
def proxy(master: FakeMaster) -> Iterator[FaultProxy]:
    with FaultProxy(("127.0.0.1", master.port)) as proxy:
        yield proxy


@pytest.mark.soak
def test_a_change_whose_connection_is_forgotten_is_sent_again_and_takes_effect_once(
    master: FakeMaster, proxy: FaultProxy, start_cli: Start
) -> None:
    def forget(_request: object) -> pb.SpawnResponse:
        proxy.freeze_open_connections()
        return pb.SpawnResponse(success=True, node=node())

    master.answers["SpawnStorageNode"] = [forget, pb.SpawnResponse(success=True, node=node())]
    process = start_cli("nodes", "spawn", "-o", "name", "--timeout", "60", "--master", proxy.address)
    eventually(lambda: master.calls["SpawnStorageNode"], timeout_seconds=30, message="the first try arrived")
    since = time.monotonic()
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (0, "node-00000001\n"), err
    assert time.monotonic() - since <= LEFT_SECONDS
    first, second = master.calls["SpawnStorageNode"]
    assert first.request_id == second.request_id != ""


@pytest.mark.soak
def test_a_wait_whose_connection_is_forgotten_goes_on_over_a_new_one(
    master: FakeMaster, proxy: FaultProxy, start_cli: Start
) -> None:
    def forget(_request: object) -> pb.NodeStatus:
        proxy.freeze_open_connections()
        return node(status="starting")

    master.answers["StartStorageNode"] = pb.NodeResult(success=True, node=node(status="starting"))
    master.answers["GetStorageNodeStatus"] = [forget, node(status="running")]
    process = start_cli("nodes", "start", "node-00000001", "--timeout", "60", "--master", proxy.address)
    eventually(lambda: master.calls["GetStorageNodeStatus"], timeout_seconds=30, message="it waits")
    since = time.monotonic()
    _, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert time.monotonic() - since <= LEFT_SECONDS
