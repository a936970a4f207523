"""The proxy that plays bad networks adds no fault of its own."""

import socket

import pytest
from support.faults.fault_proxy import STALL, FaultProxy


@pytest.fixture
def target() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def test_a_peer_that_was_killed_resets_the_connection_through_the_proxy_as_well(target: socket.socket) -> None:
    with (
        target,
        FaultProxy(target.getsockname()) as proxy,
        socket.create_connection((proxy.host, proxy.port)) as client,
    ):
        _with_something_unread(target, client).close()

        client.settimeout(20)
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_reset_does_not_pass_while_nothing_else_does(target: socket.socket) -> None:
    with (
        target,
        FaultProxy(target.getsockname()) as proxy,
        socket.create_connection((proxy.host, proxy.port)) as client,
    ):
        taken = _with_something_unread(target, client)
        proxy.set(STALL)
        taken.close()
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)
        proxy.heal()

        client.settimeout(20)
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def _with_something_unread(target: socket.socket, client: socket.socket) -> socket.socket:
    """Closed like this it sends RST, as the kernel does for a process that was killed with a request in its socket."""
    client.sendall(b"x")
    taken, _ = target.accept()
    taken.recv(1, socket.MSG_PEEK)
    return taken
