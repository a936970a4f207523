"""Logging in and out, and what ends a login."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from support.browser.pages import open_page, send_form
from support.fakes.fake_master import FakeMaster
from support.harness.people import PASSWORD, People, log_in

from sutra_grid.core.access.identity import Role
from sutra_grid.registry import Registry
from sutra_grid.wire import caller

HOUR = 3600
COOKIE = "sutra-grid-login"
SEEN = ("/ui/", "/ui/agents", "/ui/agents/agent-1", "/ui/nodes", "/ui/nodes/node-00000001", "/ui/search?q=node",
        "/ui/rolling-restarts", "/ui/events")  # fmt: skip


def test_a_login_leads_to_the_page_that_was_asked_for(people: People) -> None:
    client = people.anonymous()
    asked = client.get("/ui/nodes?status=failed")
    assert (asked.status_code, asked.location) == (303, "/ui/login?next=%2Fui%2Fnodes%3Fstatus%3Dfailed")
    assert client.get(asked.location).status_code == 200
    answer = log_in(client, "viewer", next="/ui/nodes?status=failed")
    assert (answer.status_code, answer.location) == (303, "/ui/nodes?status=failed")
    assert client.get("/ui/nodes").status_code == 200
    assert "viewer" in client.get("/ui/").text


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example/ui/", "/ui//evil.example", "/\\evil.example", "/ui/\\\\evil",
     "javascript:x", "/ui/\r\nSet-Cookie: x", "/ui/logout", "/ui/login", "/nodes", "", "/ui/" + "x" * 3000, "/ui/ä"],
)  # fmt: skip
def test_a_login_leads_to_no_other_place(people: People, target: str) -> None:
    assert log_in(people.anonymous(), "viewer", next=target).location == "/ui/"


def test_the_cookie_is_for_this_admin_alone_and_its_secret_is_not_stored(people: People) -> None:
    answer = log_in(people.anonymous(), "viewer")
    [cookie] = [each for each in answer.headers.getlist("Set-Cookie") if each.startswith(f"{COOKIE}=")]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie  # over plain HTTP it would be lost
    secret = cookie.partition("=")[2].partition(";")[0]
    assert len(secret) >= 43
    assert people.registry.session(secret) is None


def test_over_https_the_cookie_is_secure(people: People) -> None:
    client = people.anonymous()
    page = client.get("/ui/login", base_url="https://localhost")
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    answer = client.post(
        "/ui/login", base_url="https://localhost", data={"name": "viewer", "password": PASSWORD, "csrf_token": token},
        headers={"Referer": "https://localhost/ui/login"},
    )  # fmt: skip
    assert answer.status_code == 303
    assert all("Secure" in each for each in answer.headers.getlist("Set-Cookie"))


def test_a_stolen_cookie_does_not_count_after_the_logout(people: People) -> None:
    owner, thief = people.logged_in("operator"), people.anonymous()
    cookie = owner.get_cookie(COOKIE)
    assert cookie is not None
    thief.set_cookie(COOKIE, cookie.value)
    assert thief.get("/status").status_code == 200
    answer = send_form(owner, "/ui/")
    assert (answer.status_code, answer.location) == (303, "/ui/login")
    assert owner.get("/status").status_code == 401
    assert thief.get("/status").status_code == 401


def test_a_logout_needs_the_token_of_its_form(people: People) -> None:
    client = people.logged_in("viewer")
    assert client.post("/ui/logout").status_code == 403
    assert client.get("/status").status_code == 200


def test_a_login_replaces_the_one_that_the_browser_had(people: People) -> None:
    client = people.logged_in("viewer")
    before = client.get_cookie(COOKIE)
    assert before is not None
    client.delete_cookie("sutra-grid")
    other = people.anonymous()
    other.set_cookie(COOKIE, before.value)  # planted, as in session fixation
    page = client.application.test_client()
    page.set_cookie(COOKIE, "planted-by-somebody")
    log_in(page, "operator")
    after = page.get_cookie(COOKIE)
    assert after is not None
    assert after.value != "planted-by-somebody"


def test_a_login_ends_when_nobody_uses_it_and_a_page_that_refreshes_itself_does_not(people: People) -> None:
    client = people.logged_in("viewer")
    polled = {"HX-Request": "true", "HX-Target": "live", "HX-Current-URL": "http://localhost/ui/agents?status=offline"}
    for _ in range(7):
        people.clock.advance(HOUR)
        assert client.get("/ui/", headers=polled).status_code == 200
    people.clock.advance(HOUR)
    ended = client.get("/ui/", headers=polled)
    assert ended.status_code == 401
    assert ended.headers["HX-Redirect"] == "/ui/login?next=%2Fui%2Fagents%3Fstatus%3Doffline"
    assert not ended.text


def test_a_login_that_is_used_lasts_a_week_at_most(people: People) -> None:
    client = people.logged_in("viewer")
    for _ in range(7 * 4 - 1):
        people.clock.advance(6 * HOUR)
        assert client.get("/ui/").status_code == 200
    people.clock.advance(6 * HOUR)
    assert client.get("/status").status_code == 401


def test_a_removed_user_and_an_old_password_are_out_at_once(people: People) -> None:
    viewer, operator = people.logged_in("viewer"), people.logged_in("operator")
    people.registry.remove_user("viewer")
    people.registry.set_password("operator", "scrypt:none", 1)
    assert [each.get("/status").status_code for each in (viewer, operator)] == [401, 401]


def test_the_first_user_closes_the_admin_and_nobody_is_let_in_while_nobody_knows(
    make_people: Callable[..., People], registry: Registry
) -> None:
    people = make_people(users=())
    client = people.anonymous()
    assert client.get("/status").status_code == 200
    make_people(users=(Role.VIEWER,))
    people.clock.advance(3)
    assert client.get("/status").status_code == 401


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"login": "required"}, 401),
        ({"login": "off", "listen": "0.0.0.0:7080"}, 200),
        ({"listen": "0.0.0.0:7080"}, 401),
        ({"listen": "0.0.0.0:7080", "insecure": True}, 200),
        ({"sso_header": "X-Remote-User", "trusted_proxies": ["10.0.0.1"]}, 401),
        ({}, 200),
    ],
)
def test_when_a_login_is_required(make_people: Callable[..., People], changes: dict[str, object], status: int) -> None:
    client = make_people(users=(), **changes).anonymous()
    assert client.get("/status").status_code == status
    if status == 200:
        shown = client.get("/ui/")
        assert ("open-banner" in shown.text or "insecure-banner" in shown.text) is ("listen" in changes)


def test_a_viewer_sees_no_button_that_would_be_refused(people: People) -> None:
    viewer = people.logged_in("viewer")
    for path in SEEN:
        page = open_page(viewer, path)
        assert [form.action for form in page.forms if form.method == "post"] == ["/ui/logout"], path
        assert not [link for link in page.links if refused(viewer, link)], path
        assert "/ui/act/" not in viewer.get(path).text, path
    operator = people.logged_in("operator")
    assert "/ui/spawn" in operator.get("/ui/").text


def refused(client: FlaskClient, link: str) -> bool:
    return link.startswith("/ui") and client.get(link).status_code == 403


def test_a_command_tells_the_master_for_whom_it_is(
    people: People, master: FakeMaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, str]] = []
    find = caller.metadata_of_call
    monkeypatch.setattr(caller, "metadata_of_call", lambda: seen.append(dict(find())) or find())
    people.logged_in("operator").post("/nodes/node-00000001/stop", headers={"Sec-Fetch-Site": "same-origin"})
    assert {"user", "operator", "127.0.0.1"} <= set(seen[-1].values())


def test_a_command_with_a_cookie_that_does_not_say_its_site_is_refused(people: People, master: FakeMaster) -> None:
    """A browser sends the cookie by itself; one that hides the site could be led there by another page."""
    client = people.logged_in("operator")
    assert client.post("/nodes/node-00000001/stop").status_code == 403
    assert client.post("/nodes/node-00000001/stop", headers={"Origin": "http://evil.example"}).status_code == 403
    assert not master.calls["StopStorageNode"]


def test_health_checks_tell_strangers_no_addresses(people: People, master: FakeMaster) -> None:
    master.stop()
    for client, is_told in ((people.anonymous(), False), (people.logged_in("viewer"), True)):
        people.clock.advance(5)
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert bool(answer.json["master"]["message"]) is is_told
