"""API tokens and single sign-on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from support.harness.people import People

from sutra_grid.core.access.identity import Role

PROXY = "10.0.0.1"


def get(client: FlaskClient, address: str = "127.0.0.1", path: str = "/status", **headers: str) -> int:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(path, headers=given, environ_base={"REMOTE_ADDR": address}).status_code


def test_a_token_is_taken_over_loopback_or_tls_alone(people: People) -> None:
    token = people.token(Role.VIEWER)
    client, header = people.anonymous(), {"Authorization": f"Bearer {token}"}
    assert client.get("/status", headers=header).status_code == 200
    away = {"REMOTE_ADDR": "192.0.2.1"}
    refused = client.get("/status", headers=header, environ_base=away)
    assert refused.status_code == 401
    assert "TLS" in refused.json["detail"]
    assert token not in refused.text
    assert client.get("/status", headers=header, environ_base=away, base_url="https://localhost").status_code == 200


def test_a_refused_token_says_why_and_how_to_authenticate(people: People) -> None:
    expired = people.token(Role.VIEWER, expires_at_ms=1)
    answer = people.anonymous().get("/status", headers={"Authorization": f"Bearer {expired}"})
    assert (answer.status_code, answer.json["reason"]) == (401, "token_expired")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="sutra-grid", error="invalid_token"'
    without = people.anonymous().get("/status")
    assert (without.json["reason"], without.headers["WWW-Authenticate"]) == (
        "unauthenticated",
        'Bearer realm="sutra-grid"',
    )


def test_a_token_that_does_not_count_is_not_replaced_by_a_login(people: People) -> None:
    client = people.logged_in("admin")
    assert get(client, Authorization="Bearer sgt_nonsense") == 401


def test_the_use_of_a_token_is_recorded(people: People) -> None:
    token = people.token(Role.VIEWER)
    people.clock.advance(1000)
    assert get(people.anonymous(), Authorization=f"bearer {token}") == 200
    [stored] = people.registry.tokens()
    assert stored.last_used_at_ms == people.now_ms


@pytest.fixture
def behind_proxy(make_people: Callable[..., People]) -> FlaskClient:
    return make_people(
        users=(),
        sso_header="X-Remote-User",
        sso_role_header="X-Remote-Role",
        trusted_proxies=[PROXY],
        allowed_hosts=["*"],
    ).anonymous()


def test_a_user_that_a_trusted_proxy_names_is_let_in_with_the_role_that_it_names(behind_proxy: FlaskClient) -> None:
    assert get(behind_proxy, PROXY, X_Remote_User="alice", X_Forwarded_For="192.0.2.1") == 200
    stop = {"X-Remote-User": "alice", "X-Forwarded-For": "192.0.2.1", "Sec-Fetch-Site": "same-origin"}
    path, environ = "/nodes/node-00000001/stop", {"REMOTE_ADDR": PROXY}
    assert behind_proxy.post(path, headers=stop, environ_base=environ).status_code == 403
    operator = stop | {"X-Remote-Role": "operator"}
    assert behind_proxy.post(path, headers=operator, environ_base=environ).status_code not in {401, 403}


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("192.0.2.1", {"X_Remote_User": "alice"}),
        ("127.0.0.1", {"X_Remote_User": "alice"}),
        ("192.0.2.1", {"X_Remote_User": "alice", "X_Forwarded_For": PROXY}),
        (PROXY, {}),
        (PROXY, {"X_Remote_User": ""}),
        (PROXY, {"X_Remote_User": "alice,bob"}),
        (PROXY, {"X_Remote_User": "alice", "X_Remote_Role": "root"}),
        (PROXY, {"X_Remote_User": "alice", "X_Remote_Role": "master"}),
    ],
)
def test_nobody_else_is_let_in(behind_proxy: FlaskClient, address: str, headers: dict[str, str]) -> None:
    assert get(behind_proxy, address, **headers) == 401


def test_without_the_setting_the_header_counts_for_nothing(make_people: Callable[..., People]) -> None:
    client = make_people(trusted_proxies=[PROXY], allowed_hosts=["*"]).anonymous()
    assert get(client, PROXY, X_Remote_User="admin") == 401
