import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.runtime.config import host, host_port
from sutra_grid.runtime.net import (
    InvalidAddress,
    format_host_port,
    is_loopback,
    is_port_free,
    is_wildcard,
    own_addresses,
    parse_host_port,
)


@contextmanager
def listener(host: str = "127.0.0.1") -> Iterator[int]:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as server:
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
        ("2001:db8::a", "2001:db8::a", 7001),
        ("[fe80::1%eth0]:7000", "fe80::1%eth0", 7000),
        ("a_container", "a_container", 7001),
        ("host:", "host", 7001),
        ("host:0", "host", 0),
    ],
)
def test_an_address_is_a_host_and_maybe_a_port(text: str, host: str, port: int) -> None:
    assert parse_host_port(text, 7001) == (host, port)


NO_ADDRESSES = [
    *("", " ", ":7000", "host:x", "host:70000", "host:-1", "http://host:1", "a b:1", "host:٣", "höst:1", "-a:1"),
    *("a:7000,b:7000", "a,b", "host:7000:7001", "[::1", "[::1]7000", "[host]:7000", "[10.0.0.1]:7000", "10.0.0.256:1"),
    *("fd00:::1", "10.1:7000", "user@host:1", "host/path"),
]


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address_is_named_with_what_is_allowed(text: str) -> None:
    with pytest.raises(InvalidAddress) as raised:
        parse_host_port(text, 7001)
    assert repr(text) in raised.value.message
    assert "host:port" in raised.value.hint
    assert host_port(7001)(text) == raised.value.allowed


@pytest.mark.parametrize("text", ["::1:7000", "fd00::1:7000", "2001:db8::7:0"])
def test_an_ipv6_address_that_may_have_a_port_needs_its_brackets(text: str) -> None:
    with pytest.raises(InvalidAddress, match="with and without a port") as raised:
        parse_host_port(text, 7001)
    host, _, port = text.rpartition(":")
    assert f'"[{host}]:{port}"' in raised.value.allowed
    assert f'"[{text}]"' in raised.value.allowed


def test_port_0_is_for_servers_alone() -> None:
    with pytest.raises(InvalidAddress):
        parse_host_port("host:0", 7001, free_port=False)


@pytest.mark.parametrize("text", ["example.org", "10.0.0.1", "::1", "fe80::1%eth0", "a", "node-1.rack_2."])
def test_a_host_is_a_name_or_an_ip_address(text: str) -> None:
    assert host(text) is None


@pytest.mark.parametrize(
    "text",
    ["10.0.0.1:7001", "a:1", "[::1]", "http://a", " a", "a ", "a b", "", "a,b", "10.0.0", "a..b", "a/b", "x" * 300],
)
def test_a_host_has_no_port_no_brackets_no_scheme_and_no_blank(text: str) -> None:
    assert host(text) is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.0.0.0", True), ("::", True), ("0:0:0:0:0:0:0:0", True), ("::0", True), ("::1", False), ("10.0.0.0", False)],
)
def test_the_address_of_all_addresses_is_known_however_it_is_written(text: str, expected: bool) -> None:
    assert is_wildcard(text) is expected


def test_without_a_default_the_port_must_be_there() -> None:
    with pytest.raises(InvalidArgument, match="host:port"):
        parse_host_port("host")


@pytest.mark.parametrize(("host", "port"), [("a.b", 1), ("::1", 65535)])
def test_formatting_is_the_inverse_of_parsing(host: str, port: int) -> None:
    assert parse_host_port(format_host_port(host, port)) == (host, port)


@pytest.mark.parametrize(
    ("bound", "asked"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("127.0.0.1", "0.0.0.0"),
        ("::1", "::1"),
        ("::", "::1"),
        ("::", "127.0.0.1"),
    ],
)
def test_a_port_that_somebody_listens_on_is_not_free(bound: str, asked: str) -> None:
    with listener(bound) as port:
        assert not is_port_free(port, asked)
    assert is_port_free(port, asked)


def test_a_port_at_another_address_is_free() -> None:
    with listener("127.0.0.2") as port:
        assert is_port_free(port, "127.0.0.1")


def test_this_host_has_its_loopback_addresses() -> None:
    assert {"127.0.0.1", "::1"} <= set(own_addresses())


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("localhost", True),
        ("::1", True),
        ("0:0:0:0:0:0:0:1", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("::", False),
        ("fd00::1", False),
        ("master", False),
    ],
)
def test_loopback_is_known_without_a_name_service(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
