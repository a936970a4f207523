"""Another program as a storage node: a real redis-server, which also overwrites its environment."""

import contextlib
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.harness.agent_harness import AgentHarness, is_alive, kill_now, kill_process
from support.waiting import eventually

from sutra_grid.agent.processes.identity import environment
from sutra_grid.core.types import Desired, Health, NodeState, Reason
from sutra_grid.runtime.net import is_port_free

REDIS = shutil.which("redis-server")
if REDIS is None:
    if os.environ.get("CI") == "true":
        raise RuntimeError("CI must have the package redis-server")
    pytest.skip("needs redis-server (Debian package redis-server)", allow_module_level=True)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[AgentHarness]:
    redis = {
        "binary_path": REDIS,
        "args": ["--port", "{port}", "--bind", "127.0.0.1", "--dir", "{storage_path}", "--appendonly", "yes",
                 "--appendfsync", "always", "--maxmemory", "{memory_limit_mb}mb"],
        "health_probe": "tcp",
    }  # fmt: skip
    daemon = {**redis, "args": [*redis["args"], "--daemonize", "yes"]}
    harness = AgentHarness(tmp_path / "home", engines={"redis": redis, "daemon": daemon}).start()
    yield harness
    if harness.daemon.is_running:
        harness.kill()


def ask(port: int, *words: str) -> str:
    """Send one command in the protocol of redis. Returns the first line of the reply, or its text."""
    request = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request.encode())
        return connection.recv(4096).decode().strip()


def test_redis_is_spawned_answers_is_killed_comes_back_with_its_data_and_is_stopped(agent: AgentHarness) -> None:
    first = agent.run("redis-1", "redis")
    assert (first.state, first.health) == (NodeState.RUNNING, Health.HEALTHY)
    port = first.spec.port
    assert ask(port, "PING") == "+PONG"
    assert ask(port, "SET", "k", "v") == "+OK"
    kill_now(first.pid)
    again = agent.wait_for("redis-1", lambda one: one.state is NodeState.RUNNING and one.pid != first.pid)
    assert (again.exits[0].signal, again.restarts) == (9, 1)
    eventually(lambda: ask(port, "GET", "k") == "$1\r\nv", message="the value, once Redis has loaded its data set")
    stopped = agent.want("redis-1", Desired.STOPPED)
    assert (stopped.state, stopped.exits[0].code) == (NodeState.STOPPED, 0)
    assert not is_alive(again.pid)


def test_redis_is_adopted_although_it_erases_its_environment(agent: AgentHarness) -> None:
    running = agent.run("redis-1", "redis")
    assert not environment(running.pid)
    agent.kill()
    agent.start()
    adopted = agent.wait_for("redis-1", NodeState.RUNNING)
    assert (adopted.pid, adopted.reason) == (running.pid, Reason.ADOPTED)
    agent.kill()
    kill_process(running.pid)
    agent.start()
    again = agent.wait_for("redis-1", NodeState.RUNNING)
    assert ask(again.spec.port, "PING") == "+PONG"
    assert agent.want("redis-1", Desired.ABSENT).desired is Desired.ABSENT
    assert not is_alive(again.pid)


def test_a_redis_that_goes_to_the_background_is_told_to_stay_in_the_foreground(agent: AgentHarness) -> None:
    spec = agent.run("redis-1", "daemon").spec
    try:
        given_up = agent.wait_for("redis-1", NodeState.FAILED)
        assert given_up.reason is Reason.NOT_IN_FOREGROUND
        assert "must stay in the foreground" in given_up.message
        assert [one.code for one in given_up.exits if one.code] == [], "no retry failed because of the one before"
        assert is_port_free(spec.port, "127.0.0.1"), "the daemons of all tries were ended"
    finally:
        agent.kill()
        with contextlib.suppress(OSError):
            ask(spec.port, "SHUTDOWN", "NOSAVE")
