"""Followers of a real server: one that leaves is noticed though its log is quiet, and none keeps it from ending."""

import http.client
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from support.fakes.fake_master import FakeMaster
from support.harness.daemons import Daemon, serves_http, write_config
from support.harness.http import HttpClient
from support.harness.ports import free_port
from support.waiting import eventually

from sutra_grid.registry import Registry
from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e

FOLLOW = "/nodes/node-1/logs?follow=true"
GRACE_SECONDS = 15


class Server:
    """An admin of one worker with two threads, so that one request may follow."""

    def __init__(self, root: Path, master: FakeMaster) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        url = f"sqlite:///{root}/registry.db"
        Registry.open(url, migrate=True).close()
        settings = {
            "listen": self.address,
            "registry_url": url,
            "master": master.address,
            "workers": 1,
            "threads": 2,
            "stop_grace_secs": GRACE_SECONDS,
        }
        config = write_config(root / "admin.toml", {"admin": settings})
        self.http = HttpClient(self.address)
        self.daemon = Daemon("admin", "sutra-grid-admin", config, ready=lambda: serves_http(self.address, "/livez"))

    @contextmanager
    def following(self) -> Iterator[http.client.HTTPResponse]:
        """A follower that has got the first line."""
        with closing(http.client.HTTPConnection(self.address, timeout=20)) as connection:
            connection.request("GET", FOLLOW)
            answer = connection.getresponse()
            assert answer.readline() == b"one line\n"
            yield answer

    def is_full(self) -> bool:
        return self.http.get("/events?wait_seconds=1").status == 429


@pytest.fixture
def server(tmp_path: Path, master: FakeMaster) -> Iterator[Server]:
    master.answers["ReadNodeLog"] = [pb.LogChunk(data=b"one line\n", cursor="c"), pb.LogChunk(cursor="c")]
    made = Server(tmp_path, master)
    made.daemon.start()
    try:
        made.daemon.wait_ready()
        yield made
    finally:
        if made.daemon.is_running:
            made.daemon.kill()


def test_one_that_leaves_makes_room_though_its_log_has_no_new_lines(server: Server) -> None:
    with server.following():
        assert server.is_full()
        assert server.http.get("/livez").status == 200
    eventually(lambda: not server.is_full(), 10, "the follower's slot is free")
    assert "Traceback" not in server.daemon.log_text()


def test_one_that_stays_does_not_keep_the_server_from_ending(server: Server) -> None:
    with server.following() as answer:
        began = time.monotonic()
        assert server.daemon.stop() == 0
        assert time.monotonic() - began < GRACE_SECONDS - 5
        assert answer.read() == b""  # a proper end, not a cut
    assert "Traceback" not in server.daemon.log_text()
