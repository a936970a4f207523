"""Another program as a storage node: a real redis-server, which also overwrites its environment."""

import contextlib
import itertools
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.harness.agent_harness import AgentHarness, is_alive, kill_now, kill_process
from support.harness.processes import kill_and_wait, processes_below
from support.waiting import eventually

from sutra_grid.agent.agent import MEMORY_SECONDS
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
    cache = ["--port", "{port}", "--bind", "{host}", "--dir", "{storage_path}", "--save", "", "--maxmemory"]
    share = {**redis, "args": [*cache, "{memory_limit_mb*0.75}mb"]}
    whole = {**redis, "args": [*cache, "{memory_limit_mb}mb"]}
    saves = {**redis, "args": [*cache, "{memory_limit_mb*0.45}mb"]}
    engines = {"redis": redis, "daemon": daemon, "share": share, "whole": whole, "saves": saves}
    harness = AgentHarness(tmp_path / "home", engines=engines, limits={"memory": "sampled"}).start()
    yield harness
    if harness.daemon.is_running:
        harness.kill()
    kill_and_wait(processes_below(tmp_path / "home"))


def ask(port: int, *words: str) -> str:
    """Send one command in the protocol of redis. Returns the first line of the reply, or its text."""
    request = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request.encode())
        return connection.recv(4096).decode().strip()


def write_until(port: int, ended: Callable[[str], bool]) -> str:
    """Write values of 1 MiB until the reply is the one that is waited for; an empty one: the connection was lost."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for number in itertools.count():
            value = os.urandom((1 << 20) - 256)  # with its header it fills 1 MiB of the allocator
            head = f"*3\r\n$3\r\nSET\r\n$9\r\nkey-{number:05}\r\n${len(value)}\r\n".encode()
            try:
                connection.sendall(head + value + b"\r\n")
                reply = connection.recv(4096).decode().strip()
            except OSError:
                reply = ""
            if ended(reply):
                return reply
    raise AssertionError("the loop has no end")


def write_values(port: int, count: int) -> None:
    """Write values of 1 MiB to the first keys. All are accepted."""
    replies: list[str] = []

    def is_last(reply: str) -> bool:
        replies.append(reply)
        return len(replies) == count

    write_until(port, is_last)
    assert replies == ["+OK"] * count


def test_a_redis_with_a_share_of_the_limit_refuses_writes_when_it_is_full_and_lives(agent: AgentHarness) -> None:
    spawned = agent.run("cache", "share", memory_limit_mb=64)
    assert ask(spawned.spec.port, "CONFIG", "GET", "maxmemory").endswith(str(48 << 20))
    assert write_until(spawned.spec.port, lambda reply: reply != "+OK").startswith("-OOM command not allowed")
    looked = time.monotonic() + 2 * MEMORY_SECONDS
    again = write_until(spawned.spec.port, lambda reply: time.monotonic() > looked)
    assert again.startswith("-OOM command not allowed"), "its memory was measured twice meanwhile"
    full = agent.reports()["cache"]
    assert (full.state, full.pid, full.exits) == (NodeState.RUNNING, spawned.pid, ())


@pytest.mark.soak
def test_a_redis_with_the_share_of_the_examples_lives_while_all_is_overwritten_as_it_saves(agent: AgentHarness) -> None:
    spawned = agent.run("saver", "saves", memory_limit_mb=96)
    port = spawned.spec.port
    write_values(port, 38)  # of 43 MiB
    assert ask(port, "CONFIG", "SET", "rdb-key-save-delay", "500000") == "+OK"
    assert ask(port, "BGSAVE") == "+Background saving started"
    looked = time.monotonic() + 2 * MEMORY_SECONDS
    write_values(port, 38)
    while time.monotonic() < looked:
        write_values(port, 1)
    assert "rdb_bgsave_in_progress:1" in ask(port, "INFO", "persistence"), "pages were held twice all the time"
    after = agent.reports()["saver"]
    assert (after.state, after.pid, after.exits) == (NodeState.RUNNING, spawned.pid, ())


@pytest.mark.soak
def test_a_redis_with_the_whole_limit_is_ended_before_it_refuses(agent: AgentHarness) -> None:
    spawned = agent.run("cache", "whole", memory_limit_mb=64)
    assert write_until(spawned.spec.port, lambda reply: reply != "+OK" and "OOM" not in reply) == ""
    ended = agent.wait_for("cache", lambda one: bool(one.exits))
    assert ended.exits[0].reason is Reason.MEMORY_LIMIT


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
