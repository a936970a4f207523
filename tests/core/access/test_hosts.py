"""For which hosts a server answers."""

from __future__ import annotations

import pytest

from sutra_grid.core.access.hosts import HostRule, host_rule


def _rule(listen: str, is_loopback: bool, *configured: str) -> HostRule:
    rule = host_rule(listen, is_loopback, configured)
    assert rule is not None
    return rule


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:80", "localhost.:80", "127.0.0.1:7080", "[::1]", "[::1]:7080", "127.0.0.9:1"]
)
def test_on_loopback_this_host_s_own_names_are_answered(host: str) -> None:
    assert _rule("127.0.0.9", True).allows(host)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:7080", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.5", "[::2]", ""],
)
def test_on_loopback_no_other_is(host: str) -> None:
    assert not _rule("127.0.0.1", True).allows(host)


def test_names_are_added() -> None:
    rule = _rule("127.0.0.1", True, "Grid.example", ".ops.example", "[fd00::5]")
    assert all(map(rule.allows, ["grid.example:443", "a.b.ops.example", "[fd00::5]:80", "localhost"]))
    assert not any(map(rule.allows, ["ops.example", "x.grid.example", "evilops.example"]))


def test_on_other_addresses_every_host_is_answered_unless_there_is_a_list() -> None:
    assert host_rule("0.0.0.0", False, []) is None
    rule = _rule("0.0.0.0", False, "grid.example")
    assert all(map(rule.allows, ["grid.example", "10.0.0.5:7080", "[fd00::5]:7080", "localhost:7080"]))
    assert not rule.allows("evil.example")


def test_a_star_allows_every_host() -> None:
    assert host_rule("127.0.0.1", True, ["*"]) is None
