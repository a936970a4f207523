"""Every route of the admin, asked by every kind of caller: what the table says is what happens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support.fakes.fake_master import FakeMaster
from support.harness.people import People

from sutra_grid.core.access.identity import PEOPLE, Role
from sutra_grid.core.access.route_rules import ROUTE_RULES
from sutra_grid.core.access.tokens import TokenKind

ROOT = Path(__file__).parents[3]

Send = Callable[[str, str], int]

#: What a caller without a right gets: 401, or a redirect to the login page.
STRANGER = {401, 303}


def routes(app: Flask) -> Iterator[tuple[str, str]]:
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, rule.rule


def example(rule: str) -> str:
    """A path of the rule."""
    path = re.sub(r"<any\((\w+)[^)]*\):\w+>", r"\1", rule)
    return re.sub(r"<[^>]+>", "agent-1", path)


def sender(client: FlaskClient, token: str = "") -> Send:
    def send(method: str, rule: str) -> int:
        headers = {"Sec-Fetch-Site": "same-origin"} | ({"Authorization": f"Bearer {token}"} if token else {})
        return client.open(example(rule), method=method, headers=headers).status_code

    return send


def test_every_route_has_a_rule_and_every_rule_a_route(people: People) -> None:
    assert {f"{method} {rule}" for method, rule in routes(people.app)} == set(ROUTE_RULES)


def test_the_page_of_the_docs_is_the_table_of_the_program() -> None:
    lines = (ROOT / "docs" / "access.md").read_text().partition("\n## HTTP routes of the admin\n")[2].splitlines()
    rows = [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in lines if line.startswith("| `")]
    yes = {True: "yes", False: ""}
    wanted = [
        [f"`{route}`", *(yes[role in rule.roles] for role in PEOPLE), yes[rule.is_open]]
        for route, rule in ROUTE_RULES.items()
    ]
    assert [[*row, ""][:5] for row in rows] == wanted


def strangers(people: People) -> dict[str, Send]:
    ended = people.logged_in("admin")
    people.registry.set_password("admin", "scrypt:none", 1)
    expired, revoked = people.token(Role.ADMIN, expires_at_ms=1), people.token(Role.ADMIN, revoked=True)
    unknown = people.token(Role.ADMIN)[:-1] + "#"
    new = people.anonymous
    return {
        "nobody": sender(new()),
        "ended session": sender(ended),
        "expired token": sender(new(), expired),
        "revoked token": sender(new(), revoked),
        "join token": sender(new(), people.token(Role.AGENT, TokenKind.JOIN)),
        "garbage": sender(new(), unknown),
        "another scheme's token": sender(new(), "eyJhbGciOiJub25lIn0.e30."),
    }


def test_a_stranger_gets_the_open_routes_alone(people: People) -> None:
    for who, send in strangers(people).items():
        for method, rule in routes(people.app):
            status = send(method, rule)
            if ROUTE_RULES[f"{method} {rule}"].is_open:
                # A token that does not count is told so everywhere, or its holder would not notice.
                assert status not in {303} or method == "POST" or "token" in who or who == "garbage", (
                    who,
                    method,
                    rule,
                )
            else:
                assert status in STRANGER, f"{who}: {method} {rule} answers {status}"


@pytest.mark.parametrize("role", PEOPLE)
@pytest.mark.parametrize("way", ["login", "token"])
def test_a_role_may_what_its_rules_say(people: People, master: FakeMaster, role: Role, way: str) -> None:
    browser = people.logged_in(role.value) if way == "login" else people.anonymous()
    send = sender(browser, people.token(role) if way == "token" else "")
    for method, rule in routes(people.app):
        if rule == "/ui/logout":
            continue  # it would end the login
        allowed = role in ROUTE_RULES[f"{method} {rule}"].roles
        if way == "token" and method == "POST" and rule.startswith("/ui/"):
            continue  # forms have a token of their own
        status = send(method, rule)
        if allowed:
            is_form = method == "POST" and rule.startswith("/ui/")  # sent here without its token
            assert status != 401, f"{role} by {way}: {method} {rule} answers {status}"
            assert is_form or status != 403, f"{role} by {way}: {method} {rule} answers {status}"
        else:
            assert status == 403, f"{role} by {way}: {method} {rule} answers {status}"
            assert not master.calls["StopStorageNode"]


@pytest.mark.parametrize("role", [Role.AGENT, Role.CLIENT, Role.MASTER, Role.NODE])
def test_a_token_of_a_daemon_reads_nothing(people: People, role: Role) -> None:
    send = sender(people.anonymous(), people.token(role))
    assert send("GET", "/status") == 403


def test_an_admin_on_loopback_without_users_is_open_as_before(make_people: Callable[..., People]) -> None:
    client = make_people(users=()).anonymous()
    assert client.get("/status").status_code == 200
    assert client.get("/ui/").status_code == 200
    assert client.get("/ui/login").status_code == 303
    assert client.get("/status", headers={"Authorization": "Bearer of-a-proxy"}).status_code == 200


def test_paths_that_do_not_exist_are_not_told_to_strangers(people: People) -> None:
    client = people.anonymous()
    assert client.get("/nothing").status_code == 401
    assert client.open("/status", method="OPTIONS").status_code == 401
    assert client.delete("/status").status_code == 401
    assert people.logged_in("viewer").get("/nothing").status_code == 404
