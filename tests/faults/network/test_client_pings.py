"""Clients whose keepalive is as dense as etcd's servers allow."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.harness.grid import Grid, GridSpec

from sutra_grid.wire.keepalive import PING_FLOOR_SECONDS

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

SECONDS = 6.5 * PING_FLOOR_SECONDS
"""A server forgives two pings that come too soon."""


class PingingClient:
    """A client that pings a server, and notices when it is cut off."""

    def __init__(self, address: str, seconds: float) -> None:
        options = [
            ("grpc.keepalive_time_ms", int(seconds * 1000)),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        self.address = address
        self.channel = grpc.insecure_channel(address, options=options)
        self.cut_off = threading.Event()
        self._was_ready = False

    def connect(self) -> None:
        self.channel.subscribe(self._on_state)
        health_pb2_grpc.HealthStub(self.channel).Check(health_pb2.HealthCheckRequest(), timeout=10)

    def _on_state(self, state: grpc.ChannelConnectivity) -> None:
        if state is grpc.ChannelConnectivity.READY:
            self._was_ready = True
        elif self._was_ready:
            self.cut_off.set()


@pytest.fixture
def addresses(tmp_path: Path) -> Iterator[list[str]]:
    """Those of a master, an agent and a storage node."""
    with Grid(tmp_path / "grid", GridSpec(with_admin=False)) as grid:
        node = grid.grpc.spawn("agent-1")
        yield [grid.master_address, grid.agent_address("agent-1"), node.endpoint]


@pytest.mark.parametrize(("seconds", "is_kept"), [(PING_FLOOR_SECONDS, True), (PING_FLOOR_SECONDS / 2, False)])
def test_pings_each_5_s_cut_nobody_off(addresses: list[str], seconds: float, is_kept: bool) -> None:
    with ExitStack() as stack:
        clients = [PingingClient(address, seconds) for address in addresses]
        for client in clients:
            stack.callback(client.channel.close)
            client.connect()
        if is_kept:
            threading.Event().wait(SECONDS)
        else:
            for client in clients:
                client.cut_off.wait(SECONDS)
        assert [client.address for client in clients if client.cut_off.is_set()] == ([] if is_kept else addresses)
