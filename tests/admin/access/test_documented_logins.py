"""The OpenAPI document declares the logins that the admin asks for, and none where it asks for none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from support.harness.people import People
from support.waiting import eventually

from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.route_rules import ROUTE_RULES

EITHER = [{"token": []}, {"login": []}]


def declared(client: FlaskClient, **headers: str) -> dict[str, Any]:
    """What each operation asks for, by route."""
    answer = client.get("/openapi.json", headers=headers)
    assert answer.status_code == 200
    return {
        f"{method.upper()} {path.replace('{', '<').replace('}', '>')}": operation["security"]
        for path, item in answer.json["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def test_an_admin_without_users_declares_no_login(make_people: Callable[..., People]) -> None:
    client = make_people(users=()).anonymous()
    eventually(lambda: client.get("/nodes").status_code == 200, message="the registry is open")
    document = declared(client)
    assert len(document) > 15
    assert {route: security for route, security in document.items() if security} == {}


def test_an_admin_with_users_declares_a_token_or_a_login_for_all_that_asks_for_one(people: People) -> None:
    token = people.token(Role.VIEWER)
    document = declared(people.anonymous(), Authorization=f"Bearer {token}")
    for route, security in document.items():
        assert security == ([] if ROUTE_RULES[route].is_open else EITHER), route
