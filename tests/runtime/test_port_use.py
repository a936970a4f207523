"""Who uses a port: listeners, connections in any state, and the addresses that are in the way."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import pytest
from support.texts import mentions
from support.waiting import eventually

from sutra_grid.runtime.net import is_port_free
from sutra_grid.runtime.port_use import PortUse, is_in_the_way, port_holder, port_holders, port_user, port_uses

HERE = f"pid {os.getpid()} ({psutil.Process().name()})"


@pytest.fixture(params=["127.0.0.1", "::1"])
def server(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    with socket.create_server((request.param, 0), family=_family(request.param)) as server:
        yield server


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def uses_to(remote_port: int, port: int, host: str = "") -> list[PortUse]:
    """The uses by connections to that port: others of the host may have the same local port."""
    return [use for use in port_uses(port, host) if use.remote_port == remote_port]


def test_a_listener_is_told_by_pid_and_name(server: socket.socket) -> None:
    host, port = server.getsockname()[:2]
    assert (port_holder(port), port_holder(port, host), port_holders(port)) == (HERE, HERE, [os.getpid()])
    assert port_user(port, host) == HERE
    server.close()
    assert (port_holder(port), port_holders(port)) == (None, [])


def test_an_outgoing_connection_is_told_with_its_process_and_its_other_end(server: socket.socket) -> None:
    host, port = server.getsockname()[:2]
    with socket.create_connection((host, port)) as client:
        own = client.getsockname()[1]
        assert not is_port_free(own, host)
        (use,) = uses_to(port, own)
        assert (use.local, use.remote_port, use.state, use.pid) == (host, port, "ESTABLISHED", os.getpid())
        assert mentions(port_user(own, host), f"connection of {HERE}", port, "no program listens")
        assert port_holders(own) == []


def test_a_closed_connection_that_the_kernel_keeps_is_told(server: socket.socket) -> None:
    host, peer_port = server.getsockname()[:2]

    def closed_connection() -> int:
        """The local port of one, if no other connection of the host has that port."""
        with socket.create_connection((host, peer_port)) as client:
            own: int = client.getsockname()[1]
            accepted, _ = server.accept()
        accepted.close()
        return own if len(port_uses(own)) == 1 else 0

    own = eventually(closed_connection)
    eventually(lambda: [use.state for use in uses_to(peer_port, own)] == ["TIME_WAIT"], message="closed on both sides")
    assert not is_port_free(own, host)
    assert mentions(port_user(own, host), "TIME_WAIT", server.getsockname()[1])


def test_an_ipv4_connection_of_an_ipv6_socket_is_told_by_its_ipv4_address() -> None:
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = stack.enter_context(socket.socket(socket.AF_INET6))
        client.connect(("::ffff:127.0.0.1", server.getsockname()[1]))
        uses = uses_to(server.getsockname()[1], client.getsockname()[1], "127.0.0.1")
    assert [(use.local, use.remote) for use in uses] == [("127.0.0.1", "127.0.0.1")]


def test_of_listener_and_connection_on_one_port_the_listener_is_told(server: socket.socket) -> None:
    host, port = server.getsockname()[:2]
    with socket.create_connection((host, port)), server.accept()[0]:
        states = [use.state for use in port_uses(port)]
        assert states == ["LISTEN", "ESTABLISHED"]
        assert port_user(port, host) == HERE


def test_a_socket_that_no_table_lists_is_not_guessed() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert port_uses(bound.getsockname()[1]) == []
        assert mentions(port_user(bound.getsockname()[1]), "can't be found")


@pytest.mark.parametrize(
    ("local", "host", "expected"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("10.0.0.1", "127.0.0.1", False),
        ("10.0.0.1", "0.0.0.0", True),
        ("0.0.0.0", "127.0.0.1", True),
        ("0.0.0.0", "::1", False),
        ("::", "127.0.0.1", True),
        ("127.0.0.1", "::", True),
        ("::1", "0.0.0.0", False),
        ("fd00::1", "::", True),
    ],
)
def test_only_some_addresses_are_in_the_way(local: str, host: str, expected: bool) -> None:
    assert is_in_the_way(local, host) is expected
