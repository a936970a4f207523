import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.runtime.net import format_host_port, is_port_free, parse_host_port, port_holder


@contextmanager
def listener(host: str = "127.0.0.1") -> Iterator[int]:
    with socket.socket() as server:
        server.bind((host, 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("example.org:7000", "example.org", 7000),
        ("example.org", "example.org", 7001),
        (" 10.0.0.1:1 ", "10.0.0.1", 1),
        ("[::1]:7000", "::1", 7000),
        ("[::1]", "::1", 7001),
        ("::1", "::1", 7001),
        ("host:", "host", 7001),
        ("host:0", "host", 0),
    ],
)
def test_an_address_is_a_host_and_maybe_a_port(text: str, host: str, port: int) -> None:
    assert parse_host_port(text, 7001) == (host, port)


@pytest.mark.parametrize("text", ["", ":7000", "host:x", "host:70000", "host:-1", "http://host:1", "a b:1", "host:٣"])
def test_what_is_no_address_is_named(text: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        parse_host_port(text, 7001)
    assert repr(text) in raised.value.message


def test_without_a_default_the_port_must_be_there() -> None:
    with pytest.raises(InvalidArgument, match="host:port"):
        parse_host_port("host")


@pytest.mark.parametrize(("host", "port"), [("a.b", 1), ("::1", 65535)])
def test_formatting_is_the_inverse_of_parsing(host: str, port: int) -> None:
    assert parse_host_port(format_host_port(host, port)) == (host, port)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_port_that_somebody_listens_on_is_not_free(host: str) -> None:
    with listener(host) as port:
        assert not is_port_free(port)
    assert is_port_free(port)


def test_the_holder_of_a_port_is_told_by_pid_and_name() -> None:
    with listener() as port:
        holder = port_holder(port)
    assert holder is not None
    assert holder.startswith(f"pid {os.getpid()} (")
    assert port_holder(port) is None
