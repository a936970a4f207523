"""A connection to the master that is open on this side only: the admin leaves it within seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from support.fakes.clock import FakeClock
from support.fakes.fake_master import FakeMaster
from support.faults.fault_proxy import FaultProxy
from support.values.cli_records import node

from sutra_grid.admin.app import create_app
from sutra_grid.admin.config import AdminConfig
from sutra_grid.admin.services import services_of
from sutra_grid.registry import Registry
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.keepalive import DENSE_KEEPALIVE

LEFT_SECONDS = DENSE_KEEPALIVE.time_seconds + DENSE_KEEPALIVE.timeout_seconds + 4
"""The rest is for a pause and a slow machine."""


@pytest.fixture
def proxy(master: FakeMaster) -> Iterator[FaultProxy]:
    with FaultProxy(("127.0.0.1", master.port)) as proxy:
        yield proxy


@pytest.fixture
def client(tmp_path: Path, registry_url: str, registry: Registry, proxy: FaultProxy) -> Iterator[FlaskClient]:
    """An admin that reaches the master through the proxy; commands may take a minute."""
    config = AdminConfig(
        listen="127.0.0.1:0",
        registry_url=registry_url,
        master=proxy.address,
        workers=1,
        threads=2,
        command_timeout_secs=60,
        stop_grace_secs=1,
    )
    app = create_app(config, FakeClock())
    yield app.test_client()
    services_of(app).close()


@pytest.mark.soak
def test_a_read_over_a_forgotten_connection_is_answered_within_seconds(
    client: FlaskClient, master: FakeMaster, proxy: FaultProxy
) -> None:
    master.answers["ReadNodeLog"] = pb.LogChunk(data=b"a line\n", cursor="1")
    path = "/nodes/node-00000001/logs"
    assert client.get(path).status_code == 200
    proxy.freeze_open_connections()
    since = time.monotonic()
    answer = client.get(path)

    assert answer.status_code == 200, answer.text
    assert time.monotonic() - since <= LEFT_SECONDS


@pytest.mark.soak
def test_a_command_over_a_forgotten_connection_is_sent_again_under_its_key(
    client: FlaskClient, master: FakeMaster, proxy: FaultProxy
) -> None:
    def forget(_request: object) -> pb.StopResponse:
        proxy.freeze_open_connections()
        return pb.StopResponse(success=True, node=node(status="stopped"))

    master.answers["StopStorageNode"] = [forget, pb.StopResponse(success=True, node=node(status="stopped"))]
    since = time.monotonic()
    answer = client.post("/nodes/node-00000001/stop", headers={"Idempotency-Key": "key-1"})

    assert answer.status_code == 200, answer.text
    assert time.monotonic() - since <= LEFT_SECONDS
    assert [call.request_id for call in master.calls["StopStorageNode"]] == ["key-1", "key-1"]


def test_a_master_that_is_down_is_told_at_once(client: FlaskClient, master: FakeMaster) -> None:
    master.stop()
    since = time.monotonic()
    answer = client.post("/nodes/node-00000001/stop")

    assert (answer.status_code, answer.get_json(force=True)["reason"]) == (503, "master_unreachable")
    assert time.monotonic() - since <= 3
