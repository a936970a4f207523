"""Other programs as storage nodes, described by ``[engines.NAME]``: a real redis-server and a script that crashes."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from support.harness.grid import Grid, GridSpec
from support.harness.interfaces import NodeView, Refused
from support.harness.processes import kill
from support.programs.fragile import fragile_engine, mend, spoil
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

REDIS_PACKAGE = "redis-server"


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    root = tmp_path_factory.mktemp("grid")
    extra: dict[str, dict[str, Any]] = {
        "engines": {
            "redis": {
                "binary_path": shutil.which("redis-server") or "/usr/bin/redis-server",
                "args": ["--port", "{port}", "--bind", "127.0.0.1", "--dir", "{storage_path}", "--appendonly", "yes"],
                "health_probe": "tcp",
            },
            "fragile": fragile_engine(root),
        },
        "restart": {"first_delay_secs": 0.2, "max_crashes": 4},
    }
    with Grid(root, GridSpec(extra=extra)) as grid:
        yield grid


@pytest.fixture
def redis(grid: Grid) -> Iterator[NodeView]:
    if shutil.which("redis-server") is None:
        message = f"needs the Debian package {REDIS_PACKAGE}"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    node = grid.grpc.spawn("agent-1", engine="redis")
    yield node
    grid.grpc.remove(node.node_id)


def redis_call(node: NodeView, *words: str) -> str:
    """One command and the first line of its answer, in redis' own protocol (RESP)."""
    request = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    host, port = node.endpoint.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(request.encode())
        with connection.makefile("r", newline="\r\n") as answer:
            line = answer.readline().rstrip("\r\n")
            return answer.readline().rstrip("\r\n") if line.startswith("$") else line


def test_a_real_redis_is_spawned_killed_restarted_and_stopped(grid: Grid, redis: NodeView) -> None:
    assert redis_call(redis, "PING") == "+PONG"
    assert redis_call(redis, "SET", "colour", "green") == "+OK"

    kill([redis.pid])
    eventually(lambda: grid.grpc.show(redis.node_id).restarts == 1, message="the restart shown")
    back = grid.wait_node(redis.node_id, "running")
    assert back.pid != redis.pid
    assert redis_call(back, "GET", "colour") == "green"

    stopped = grid.grpc.stop(redis.node_id)
    assert stopped.status == "stopped"
    assert redis.node_id not in grid.processes()
    assert redis_call(grid.grpc.start(redis.node_id), "GET", "colour") == "green"


def test_a_redis_survives_its_agent_although_it_overwrites_its_own_environment(grid: Grid, redis: NodeView) -> None:
    agent = grid.agents["agent-1"]

    agent.kill()
    agent.start()
    agent.wait_ready()
    grid.wait_agents("healthy")

    assert grid.wait_node(redis.node_id, "running").pid == redis.pid
    assert grid.pids()[redis.node_id] == redis.pid
    assert redis_call(redis, "PING") == "+PONG"


def test_a_program_that_ends_at_once_is_not_spawned_and_its_last_log_lines_are_shown(grid: Grid) -> None:
    store = grid.data_path("agent-1") / "broken-from-the-start"
    store.mkdir()
    spoil(store)

    with pytest.raises(Refused, match="the fragile program found") as refusal:
        grid.grpc.spawn("agent-1", engine="fragile", storage_path=str(store))

    assert refusal.value.status == "success=false"
    eventually(lambda: grid.grpc.nodes() == [], message="nothing left behind")
    assert grid.processes() == {}


def test_a_crash_loop_ends_as_failed_with_the_last_log_lines_until_somebody_starts_it(grid: Grid) -> None:
    node = grid.grpc.spawn("agent-1", engine="fragile")
    other = grid.grpc.spawn("agent-1", engine="fragile")
    spoil(node.storage_path)

    kill([node.pid])
    grid.wait_node(node.node_id, "failed", timeout_seconds=40)
    status = grid.stub.GetStorageNodeStatus(pb.NodeId(node_id=node.node_id), timeout=10)
    assert status.reason == "crash_loop"
    assert status.exits[0].code == 3
    assert "the fragile program found" in "\n".join(status.log_tail)
    assert grid.grpc.cluster() == "degraded"

    mend(node.storage_path)
    assert grid.grpc.start(node.node_id).status == "running"
    assert grid.grpc.show(other.node_id).restarts == 0
    for view in (node, other):
        grid.grpc.remove(view.node_id)
