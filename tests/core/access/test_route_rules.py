"""The table of HTTP routes, when a login is required, and how logins are slowed down. Plain values."""

from __future__ import annotations

import pytest

from sutra_grid.core.access.attempts import BURST, SECONDS_EACH
from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.login import LoginLimit, LoginMode, is_login_required
from sutra_grid.core.access.principal import LOCAL, Principal, PrincipalKind
from sutra_grid.core.access.route_rules import ROUTE_RULES, may_change, route_of, route_refusal

VIEWER = Principal(PrincipalKind.USER, Role.VIEWER, "alice")
NOBODY = Principal(PrincipalKind.ANONYMOUS)


def test_what_strangers_may_use_is_short() -> None:
    assert {route for route, rule in ROUTE_RULES.items() if rule.is_open} == {
        "GET /livez", "GET /readyz", "GET /static/<path:filename>", "GET /ui/login", "POST /ui/login", "POST /ui/logout"
    }  # fmt: skip


def test_a_viewer_changes_nothing() -> None:
    for route in ROUTE_RULES:
        method, _, rule = route.partition(" ")
        if method != "GET" and rule not in {"/ui/login", "/ui/logout"}:
            assert route_refusal(VIEWER, route) is not None, route
    assert not may_change(VIEWER)
    assert may_change(LOCAL)


def test_a_route_without_a_rule_is_refused_for_everyone() -> None:
    for role in Role:
        assert route_refusal(Principal(PrincipalKind.CERTIFICATE, role, "x"), "PUT /nodes") is not None
    assert route_refusal(LOCAL, "PUT /nodes") is not None


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "GET"])
def test_a_path_without_a_route_is_refused_for_strangers_only(method: str) -> None:
    refused = route_refusal(NOBODY, route_of(method, None))
    assert refused is not None
    assert refused.unauthenticated
    assert route_refusal(VIEWER, route_of(method, None)) is None


def test_a_refusal_names_the_role_that_is_needed() -> None:
    refused = route_refusal(VIEWER, "POST /nodes")
    assert refused is not None
    assert not refused.unauthenticated
    assert "operator" in refused.message
    assert "viewer" in refused.message


@pytest.mark.parametrize("is_closed", [False, True])
@pytest.mark.parametrize("is_exposed", [False, True])
@pytest.mark.parametrize("is_insecure", [False, True])
@pytest.mark.parametrize("has_users", [False, True])
def test_a_login_is_required_unless_only_this_machine_asks_and_there_is_no_user(
    is_closed: bool, is_exposed: bool, is_insecure: bool, has_users: bool
) -> None:
    facts = {"is_closed": is_closed, "is_exposed": is_exposed, "is_insecure": is_insecure, "has_users": has_users}
    expected = is_closed or has_users or (is_exposed and not is_insecure)
    assert is_login_required(LoginMode.AUTO, **facts) is expected
    assert is_login_required(LoginMode.REQUIRED, **facts)
    assert not is_login_required(LoginMode.OFF, **facts)


def test_an_account_under_attack_takes_one_attempt_of_each_address() -> None:
    limit = LoginLimit()
    for number in range(BURST):
        limit.failed("alice", f"10.0.0.{number}", 0.0)
    assert limit.wait_seconds("alice", "10.0.0.1", 0.0) == SECONDS_EACH
    assert limit.wait_seconds("ALICE", "10.0.0.1", 0.0) == SECONDS_EACH
    assert limit.wait_seconds("alice", "10.0.1.1", 0.0) == 0
    assert limit.wait_seconds("bob", "10.0.0.1", 0.0) == 0
    limit.failed("alice", "10.0.1.1", 0.0)
    assert limit.wait_seconds("alice", "10.0.1.1", 0.0) == SECONDS_EACH


def test_an_address_that_fails_for_everyone_waits_for_everyone() -> None:
    limit = LoginLimit()
    for number in range(BURST):
        limit.failed(f"user-{number}", "10.0.0.1", 0.0)
    assert limit.wait_seconds("anybody", "10.0.0.1", 0.0) == SECONDS_EACH
    assert limit.wait_seconds("anybody", "10.0.0.1", SECONDS_EACH) == 0
