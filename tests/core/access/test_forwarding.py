"""Which of the headers of reverse proxies are believed."""

from __future__ import annotations

import pytest

from sutra_grid.core.access.forwarding import (
    address_of,
    is_prefix,
    network_of,
    outermost,
    trusted_hops,
    without_prefix,
)

TRUSTED = [network_of("127.0.0.1"), network_of("10.1.0.0/16"), network_of("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "hops"),
    [
        ("203.0.113.9", ["1.2.3.4"], 0),
        ("", ["1.2.3.4"], 0),
        ("127.0.0.1", [], 1),
        ("127.0.0.1", ["203.0.113.9"], 1),
        ("::ffff:127.0.0.1", ["203.0.113.9"], 1),
        ("fd00::7", ["203.0.113.9"], 1),
        # A client may send the header itself: what is left of an address that is not trusted is not believed.
        ("127.0.0.1", ["10.1.0.1", "203.0.113.9"], 1),
        ("127.0.0.1", ["203.0.113.9", "10.1.0.1"], 2),
        ("127.0.0.1", ["6.6.6.6", "203.0.113.9", "10.1.0.1:4711"], 2),
        ("127.0.0.1", ["203.0.113.9", "10.1.0.2", "[fd00::1]:80"], 3),
        ("127.0.0.1", ["10.1.0.2", "10.1.0.1"], 2),
        ("127.0.0.1", ["unknown", "10.1.0.1"], 1),
    ],
)
def test_a_value_is_believed_when_all_right_of_it_are_trusted(peer: str, forwarded: list[str], hops: int) -> None:
    assert trusted_hops(peer, forwarded, TRUSTED) == hops


def test_without_trusted_proxies_nothing_is_believed() -> None:
    assert trusted_hops("127.0.0.1", ["1.2.3.4"], []) == 0


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("1.2.3.4:80", "1.2.3.4"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("unknown", "None"),
        ("1.2.3", "None"),
        ("<script>", "None"),
        ("", "None"),
    ],
)
def test_an_address_may_have_brackets_and_a_port(text: str, address: str) -> None:
    assert str(address_of(text)) == address


def test_the_outermost_trusted_proxy_decides() -> None:
    assert outermost(["https", "http"], 2) == "https"
    assert outermost(["https", "http"], 1) == "http"
    assert outermost(["https"], 3) == "https"
    assert outermost([], 1) == outermost(["https"], 0) == ""


@pytest.mark.parametrize("text", ["/grid", "/a/b-c", "/v1.2", "/~x/_y"])
def test_a_prefix_is_a_path(text: str) -> None:
    assert is_prefix(text)


@pytest.mark.parametrize(
    "text", ["", "/", "grid", "//evil.example", "/grid/", "/../x", "/a b", '/"x', "/\\evil", "/a\n", "/" + "a" * 200]
)
def test_a_prefix_leads_nowhere_else(text: str) -> None:
    assert not is_prefix(text)


def test_a_path_loses_the_prefix_that_it_begins_with() -> None:
    assert without_prefix("/grid/ui/", "/grid") == "/ui/"
    assert without_prefix("/grid", "/grid") == ""
    assert without_prefix("/ui/", "/grid") == "/ui/"
    assert without_prefix("/gridiron", "/grid") == "/gridiron"
    assert without_prefix("/ui/", "") == "/ui/"
