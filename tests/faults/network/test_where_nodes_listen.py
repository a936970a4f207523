"""Where nodes listen: a grid on two hosts, made of two network namespaces that a cable joins.

A client at the master's end connects to each endpoint that the grid tells, as a client on another host does.
"""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.harness.two_hosts import AGENT_PORT, TwoHosts, two_hosts
from support.needs import skip_for
from support.waiting import eventually

from sutra_grid.runtime.net import format_host_port, parse_host_port
from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e

HTTP_SERVER = ["-m", "http.server", "{port}", "--directory", "{storage_path}"]
needs_redis = pytest.mark.usefixtures("redis")


def engines() -> dict[str, dict[str, Any]]:
    """Programs that are told where to listen, that are not, that obey nobody, and one that does not listen."""
    redis = shutil.which("redis-server") or "/usr/bin/redis-server"
    open_redis = ["--port", "{port}", "--dir", "{storage_path}", "--protected-mode", "no", "--bind"]
    return {
        "redis": {"binary_path": redis, "args": [*open_redis, "{host}"]},
        "lonely-redis": {"binary_path": redis, "args": [*open_redis, "127.0.0.1"]},
        "web": {"binary_path": sys.executable, "args": [*HTTP_SERVER, "--bind", "{host}"], "health_probe": "http"},
        "unprobed-web": {
            "binary_path": sys.executable,
            "args": [*HTTP_SERVER, "--bind", "{host}"],
            "health_probe": "none",
        },
        "quiet": {"binary_path": "/usr/bin/sleep", "args": ["3600"], "health_probe": "none"},
    }


@pytest.fixture(scope="module", params=[False, pytest.param(True, marks=pytest.mark.soak)], ids=["IPv4", "IPv6"])
def hosts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoHosts]:
    with ExitStack() as stack:
        yield two_hosts(stack, tmp_path_factory.mktemp("grid"), engines=engines(), ipv6=request.param)


@pytest.fixture
def redis() -> None:
    if shutil.which("redis-server") is None:
        skip_for("the Debian package redis-server")


@pytest.fixture
def told(hosts: TwoHosts) -> str:
    """The host of the endpoints that the grid should tell."""
    host, _ = parse_host_port(hosts.grid.agent().agent_endpoint)
    assert host in (hosts.cable.right.address, hosts.cable.right.address_ipv6)
    return host


@pytest.mark.soak
def test_a_storage_node_answers_at_its_endpoint_from_another_host(hosts: TwoHosts, told: str) -> None:
    node = hosts.grid.grpc.spawn("agent-1")

    assert (node.status, node.health) == ("running", "healthy")
    assert node.endpoint == format_host_port(told, node.port)
    assert hosts.health(node.endpoint) == "1"
    started = next(event for event in hosts.grid.events(node_id=node.node_id) if event.kind == "node.started")
    assert started.message.endswith(f"at {node.endpoint}")
    with pytest.raises(OSError, match="refused"):  # it listens where it is told, and nowhere else
        hosts.cable.right.namespace.make_socket().connect(("127.0.0.1", node.port))


@needs_redis
def test_a_redis_answers_at_its_endpoint_from_another_host(hosts: TwoHosts, told: str) -> None:
    node = hosts.grid.grpc.spawn("agent-1", engine="redis")
    assert node.endpoint == format_host_port(told, node.port)
    assert hosts.says(node.endpoint, "PING\r\n") == "+PONG"


@pytest.mark.parametrize("engine", ["web", "unprobed-web"])
def test_a_web_server_answers_at_its_endpoint_from_another_host(hosts: TwoHosts, told: str, engine: str) -> None:
    node = hosts.grid.grpc.spawn("agent-1", engine=engine)
    eventually(lambda: hosts.status(node).endpoint == format_host_port(told, node.port), message="its endpoint told")
    assert hosts.says(format_host_port(told, node.port), "GET / HTTP/1.0\r\n\r\n").endswith("200 OK")


@needs_redis
def test_a_node_that_listens_on_loopback_alone_is_not_said_to_be_reachable(hosts: TwoHosts, told: str) -> None:
    node = hosts.grid.grpc.spawn("agent-1", engine="lonely-redis")

    shown = hosts.wait_for_problem(node)
    assert (shown.status, shown.health, shown.endpoint) == ("running", "healthy", "")
    assert f"not reachable at {format_host_port(told, node.port)}: Connection refused" in shown.endpoint_problem
    assert f"It answers at 127.0.0.1:{node.port}" in shown.endpoint_problem
    assert "Add {host} to args of [engines.lonely-redis]" in shown.endpoint_problem
    explained = hosts.grid.cli.run("nodes", "explain", node.node_id).stdout
    assert shown.endpoint_problem in explained
    assert "Its endpoint says what to change on agent-1's host" in explained
    events = {event.kind: event for event in hosts.grid.events(node_id=node.node_id)}
    assert events["node.unreachable"].message == shown.endpoint_problem
    assert told not in events["node.started"].message


def test_a_program_that_does_not_listen_has_no_endpoint(hosts: TwoHosts, told: str) -> None:
    node = hosts.grid.grpc.spawn("agent-1", engine="quiet")

    shown = hosts.wait_for_problem(node)
    assert (shown.status, shown.health, shown.endpoint) == ("running", "unknown", "")
    assert shown.endpoint_problem == f"not reachable at {format_host_port(told, node.port)}: Connection refused"


@pytest.mark.soak
def test_a_running_node_keeps_its_endpoint_while_its_agent_restarts(hosts: TwoHosts) -> None:
    node = hosts.grid.grpc.spawn("agent-1")
    hosts.restart_agent()
    back = hosts.grid.wait_node(node.node_id, "running")
    assert (back.pid, back.endpoint) == (node.pid, node.endpoint)


def test_a_stranger_at_another_address_is_not_in_the_way_and_one_at_the_bind_address_is(
    hosts: TwoHosts, told: str
) -> None:
    port = hosts.grid.node_port("agent-1", 0)
    with hosts.cable.right.namespace.make_socket() as stranger:
        stranger.bind(("127.9.9.9", port))
        stranger.listen()
        assert hosts.grid.grpc.spawn("agent-1", port=port).endpoint == format_host_port(told, port)

    port = hosts.grid.node_port("agent-1", 1)
    family = socket.AF_INET6 if ":" in told else socket.AF_INET
    with hosts.cable.right.namespace.make_socket(family) as stranger:
        stranger.bind((told, port))
        stranger.listen()
        refused = hosts.grid.stub.SpawnStorageNode(pb.SpawnRequest(agent_id="agent-1", port=port), timeout=30)
    assert not refused.success
    assert f"port {port} is in use by" in refused.error_message


@pytest.mark.soak
def test_nodes_on_all_addresses_are_told_at_the_advertised_one(tmp_path: Path) -> None:
    with ExitStack() as stack:
        hosts = two_hosts(stack, tmp_path, agent={"listen": f"[::]:{AGENT_PORT}", "advertise": "fd00:231::2"})
        node = hosts.grid.grpc.spawn("agent-1")
        assert node.endpoint == f"[fd00:231::2]:{node.port}"
        for address in (node.endpoint, f"10.231.0.2:{node.port}"):
            assert hosts.health(address) == "1"


def test_an_advertised_address_that_does_not_lead_to_the_nodes_is_not_told(tmp_path: Path) -> None:
    with ExitStack() as stack:
        hosts = two_hosts(stack, tmp_path, agent={"advertise": "10.231.0.2"}, storage={"bind": "127.0.0.2"})
        node = hosts.grid.grpc.spawn("agent-1")
        shown = hosts.wait_for_problem(node)
        assert (shown.status, shown.health, shown.endpoint) == ("running", "healthy", "")
        assert f"It answers at 127.0.0.2:{node.port}. Correct advertise in [agent] or bind" in shown.endpoint_problem


@pytest.mark.soak
def test_nodes_of_an_older_bind_address_are_healthy_there_and_move_at_their_restart(tmp_path: Path) -> None:
    with ExitStack() as stack:
        hosts = two_hosts(
            stack, tmp_path, storage={"bind": "127.0.0.3"}, monitoring={"restart_unhealthy_after_secs": 1.0}
        )
        node = hosts.grid.grpc.spawn("agent-1")
        agent = hosts.grid.agents["agent-1"]
        agent.kill()
        agent.config.write_text(agent.config.read_text().replace("127.0.0.3", "10.231.0.2"))
        agent.start()
        agent.wait_ready()
        hosts.grid.wait_agents("healthy")

        shown = hosts.wait_for_problem(node)
        assert (shown.pid, shown.status, shown.endpoint) == (node.pid, "running", "")
        assert "Restart the node: it listens at 10.231.0.2" in shown.endpoint_problem
        moved = hosts.grid.grpc.restart(node.node_id)
        assert (moved.endpoint, moved.restarts) == (f"10.231.0.2:{node.port}", 1)
        assert hosts.health(moved.endpoint) == "1"
