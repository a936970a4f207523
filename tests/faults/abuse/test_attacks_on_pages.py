"""What strangers, and pages of other sites, try on an admin that requires logins: nothing of it works."""

from __future__ import annotations

import http.client
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from http.cookies import SimpleCookie
from typing import NamedTuple
from urllib.parse import urlencode

import psutil
import pytest
from support.browser.html import Page
from support.harness.daemons import clean_environ, script
from support.harness.grid import Grid, GridSpec
from support.harness.interfaces import NodeView
from support.waiting import eventually

from sutra_grid.core.access.login import LoginMode
from sutra_grid.core.access.route_rules import ROUTE_RULES

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

PASSWORD = "correct horse battery"
FAILURES = 1_000
MAX_GROWTH_BYTES = 24 << 20
TRAVERSALS = [
    "../../../../../../etc/passwd",
    "..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "..%252f..%252f..%252fetc%252fpasswd",
    "..%5c..%5c..%5c..%5cetc%5cpasswd",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "....//....//....//etc/passwd",
    "/etc/passwd%00.css",
]


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    text: str


class Visitor:
    """A client at an address of this machine, with cookies as a browser keeps them."""

    def __init__(self, address: str, source: str = "127.0.0.1") -> None:
        self._target = address.rsplit(":", 1)
        self._source = source
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, form: Mapping[str, str] | None = None, **headers: str) -> Reply:
        host, port = self._target
        connection = http.client.HTTPConnection(host, int(port), timeout=30, source_address=(self._source, 0))
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            given["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if form is not None:
            given["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(form)
        try:
            connection.request(method, path, body, given)
            response = connection.getresponse()
            reply = Reply(response.status, dict(response.getheaders()), response.read().decode(errors="replace"))
            for line in response.headers.get_all("Set-Cookie") or []:
                self._keep(line)
        finally:
            connection.close()
        return reply

    def _keep(self, line: str) -> None:
        for name, morsel in SimpleCookie(line).items():
            if morsel["max-age"] == "0" or not morsel.value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value

    def login_form(self) -> dict[str, str]:
        [form] = [form for form in Page(self.ask("GET", "/ui/login").text).forms if form.method == "post"]
        return dict(form.values)

    def log_in(self, name: str, password: str = PASSWORD, form: Mapping[str, str] | None = None) -> Reply:
        values = dict(form or self.login_form()) | {"name": name, "password": password}
        return self.ask("POST", "/ui/login", values, Sec_Fetch_Site="same-origin")


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    spec = GridSpec(admin_extra={"admin": {"login": LoginMode.REQUIRED.value, "workers": 1}})
    with Grid(tmp_path_factory.mktemp("attacks"), spec) as grid:
        for role in ("operator", "viewer"):
            add_user(grid, role)
        yield grid


@pytest.fixture(scope="module")
def node(grid: Grid) -> NodeView:
    return grid.grpc.spawn("agent-1")


def add_user(grid: Grid, role: str) -> None:
    command = [script("sutra-grid-cli"), "--master", grid.master_address, "user", "add", role, f"--role={role}"]
    subprocess.run(
        [*command, "--password-stdin"],
        input=f"{PASSWORD}\n",
        env=clean_environ(),
        text=True,
        capture_output=True,
        timeout=60,
        check=True,
    )


@pytest.fixture
def operator(grid: Grid) -> Visitor:
    visitor = Visitor(grid.admin_address)
    assert visitor.log_in("operator").status == 303
    return visitor


def test_a_stolen_cookie_is_worth_nothing_after_the_logout(grid: Grid, node: NodeView, operator: Visitor) -> None:
    thief = Visitor(grid.admin_address, "127.0.0.9")
    thief.cookies = dict(operator.cookies)
    assert thief.ask("GET", "/nodes").status == 200
    [form] = [form for form in Page(operator.ask("GET", "/ui/").text).forms if form.action.endswith("/ui/logout")]
    assert operator.ask("POST", "/ui/logout", dict(form.values), Sec_Fetch_Site="same-origin").status == 303
    assert thief.ask("GET", "/nodes").status == 401
    assert thief.ask("GET", "/ui/", Accept="text/html").status in {302, 303}
    assert thief.ask("POST", f"/nodes/{node.node_id}/stop", Sec_Fetch_Site="same-origin").status == 401
    assert grid.pids() == {node.node_id: node.pid}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
    ids=str,
)
def test_a_page_of_another_site_commands_nothing_with_the_login(
    grid: Grid, node: NodeView, operator: Visitor, headers: dict[str, str]
) -> None:
    assert operator.ask("POST", f"/nodes/{node.node_id}/stop", **headers).status == 403
    assert operator.ask("DELETE", f"/nodes/{node.node_id}", **headers).status == 403
    assert operator.ask("POST", "/ui/agents/agent-1/drain", {}, **headers).status in {400, 403}
    assert grid.pids() == {node.node_id: node.pid}


def test_a_name_that_leads_to_loopback_is_not_answered_for(grid: Grid, operator: Visitor) -> None:
    """DNS rebinding: a page of that name is of the same origin as the admin, for the browser."""
    for host in (
        "rebind.evil.example",
        "rebind.evil.example:7001",
        "10.0.0.1",
        "127.0.0.1.evil.example",
        "[::2]",
        "a b",
    ):
        for path in ("/nodes", "/ui/", "/ui/login", "/openapi.json", "/nothing"):
            reply = operator.ask("GET", path, Host=host)
            assert 400 <= reply.status < 500, f"{host} {path}: {reply.status}"
            assert "agent-1" not in reply.text
    stranger = Visitor(grid.admin_address)
    redirect = stranger.ask("GET", "/ui/nodes", Accept="text/html", Host=grid.admin_address)
    assert "evil" not in redirect.headers["Location"]


def test_no_path_leads_out_of_its_directory(grid: Grid, node: NodeView, operator: Visitor) -> None:
    routes = [route.split(" ", 1) for route in ROUTE_RULES if "<" in route]
    assert len(routes) > 15
    for method, rule in routes:
        for traversal in TRAVERSALS:
            path = re.sub(r"<[^>]*>", lambda _, given=traversal: given, rule)
            reply = operator.ask(method, path, {} if method == "POST" else None, Sec_Fetch_Site="same-origin")
            assert "root:" not in reply.text, f"{method} {path}"
            assert reply.status < 500, f"{method} {path}: {reply.status}"
            assert reply.status >= 300 or "/any(" in rule or "%252f" in path, f"{method} {path}: {reply.status}"
    assert grid.pids() == {node.node_id: node.pid}


def test_a_login_is_not_led_to_another_site(grid: Grid) -> None:
    for target in (
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/ui/..//evil.example",
        "%2f%2fevil.example",
    ):
        visitor = Visitor(grid.admin_address)
        page = visitor.ask("GET", f"/ui/login?{urlencode({'next': target})}")
        [form] = [form for form in Page(page.text).forms if form.method == "post"]
        values = dict(form.values) | {"name": "viewer", "password": PASSWORD, "next": target}
        reply = visitor.ask("POST", "/ui/login", values, Sec_Fetch_Site="same-origin")
        assert reply.status == 303
        assert reply.headers["Location"].startswith("/ui/")
        assert "evil" not in reply.headers["Location"]


@pytest.mark.parametrize("size", [9_000, 70_000, 1 << 20])
def test_an_oversized_header_is_refused_and_the_next_request_is_answered(
    grid: Grid, operator: Visitor, size: int
) -> None:
    for name in ("X-Large", "Authorization", "Cookie", "Host"):
        try:
            status = Visitor(grid.admin_address).ask("GET", "/livez", **{name.replace("-", "_"): "a" * size}).status
        except OSError:
            continue  # closed before all of it was read
        assert 400 <= status < 500, name
    assert operator.ask("GET", "/nodes").status == 200


@pytest.mark.timeout(300)  # some hundred passwords are hashed
def test_a_thousand_failed_logins_take_no_memory_and_keep_nobody_out(grid: Grid) -> None:
    attackers = [Visitor(grid.admin_address, f"127.0.{number}.7") for number in range(1, 26)]
    forms = [attacker.login_form() for attacker in attackers]

    def resident_bytes() -> int:
        main = psutil.Process(grid.admin.pid)
        return sum(process.memory_info().rss for process in [main, *main.children(recursive=True)])

    def fail(times: int) -> Counter[int]:
        statuses: Counter[int] = Counter()
        for number in range(times):
            attacker, form = attackers[number % 25], forms[number % 25]
            name = "operator" if number % 2 else f"user-{number}"
            statuses[attacker.log_in(name, "wrong horse", form).status] += 1
        return statuses

    assert fail(FAILURES // 5).keys() <= {401, 429}
    before = resident_bytes()
    statuses = fail(FAILURES)
    assert statuses.keys() <= {401, 429}
    assert statuses[429] > FAILURES // 5, statuses
    assert resident_bytes() < before + MAX_GROWTH_BYTES
    assert Visitor(grid.admin_address).log_in("operator").status == 303


def test_every_page_refuses_to_be_framed(grid: Grid, node: NodeView, operator: Visitor) -> None:
    pages = [
        "/ui/",
        "/ui/nodes",
        f"/ui/nodes/{node.node_id}",
        "/ui/login",
        "/ui/nothing",
        "/docs",
        "/nodes",
        "/ui/spawn",
    ]
    for visitor in (operator, Visitor(grid.admin_address)):
        for path in pages:
            headers = visitor.ask("GET", path).headers
            assert headers["X-Frame-Options"] == "DENY", path
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path


def test_the_admin_has_no_traceback(grid: Grid) -> None:
    eventually(lambda: Visitor(grid.admin_address).ask("GET", "/livez").status == 200)
    assert "Traceback" not in grid.admin.log_text()
