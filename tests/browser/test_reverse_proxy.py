"""The pages and the API behind nginx over HTTPS, with the sites of ``etc/nginx``: a name of its own, and a path."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from support.browser.page_actions import SPAWN, confirm, in_order, notice, open_action
from support.browser.page_errors import PageErrors
from support.harness.daemons import Daemon, serves_http, write_config
from support.harness.grid import Grid
from support.harness.https_admin import HOST, Site
from support.harness.nginx import PACKAGE, has_nginx, running_nginx
from support.harness.ports import free_port
from support.needs import skip_for
from support.waiting import eventually

NAME = "grid.example.com"


@dataclass
class Proxied:
    """An admin behind nginx. ``url`` is that of the site with the prefix."""

    prefix: str
    port: int
    site: Site
    admin: Daemon
    address: str

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}{self.prefix}"

    def call(
        self, method: str, path: str, content: Any = None, source: str = HOST, **headers: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        """A request of a program for the site's name."""
        context = self.site.context()
        context.check_hostname = False  # the test's certificate has other names
        connection = http.client.HTTPSConnection(
            HOST, self.port, timeout=30, context=context, source_address=(source, 0)
        )
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        body = None if content is None else json.dumps(content)
        if body:
            given["Content-Type"] = "application/json"
        try:
            connection.request(method, self.prefix + path, body, {"Host": f"{NAME}:{self.port}", **given})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


@pytest.fixture(
    scope="module",
    params=[("sutra-grid.conf", ""), ("sutra-grid-below-a-path.conf", "/grid")],
    ids=["of-its-own", "below-a-path"],
)
def proxied(
    request: pytest.FixtureRequest, whole_grid: Grid, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxied]:
    if not has_nginx():
        skip_for(f"the Debian package {PACKAGE}")
    name, prefix = request.param
    root = tmp_path_factory.mktemp("proxied")
    site, port, address = Site(root), free_port(), f"{HOST}:{free_port()}"
    settings = {
        "listen": address,
        "registry_url": whole_grid.registry_url,
        "master": whole_grid.master_address,
        "allowed_hosts": [NAME],
        "trusted_proxies": [HOST],
        "url_prefix": prefix,
    }
    admin = Daemon(
        "admin",
        "sutra-grid-admin",
        write_config(root / "admin.toml", {"admin": settings}),
        ready=lambda: serves_http(address),
    )
    admin.start()
    try:
        admin.wait_ready()
        with running_nginx(root / "nginx", name, port, address, site):
            made = Proxied(prefix, port, site, admin, address)
            eventually(lambda: _is_served(made), message="nginx serves the site")
            yield made
    finally:
        assert admin.stop() == 0


def _is_served(proxied: Proxied) -> bool:
    try:
        return proxied.call("GET", "/livez")[0] == 200
    except OSError:
        return False


@pytest.fixture
def proxied_page(browser: Browser, proxied: Proxied) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, ignore_https_errors=True)
    context.set_default_timeout(15_000)
    errors = PageErrors(context, proxied.url.removesuffix(proxied.prefix))
    page = context.new_page()
    yield page
    context.close()
    assert errors.errors == []


def test_a_node_lives_on_the_pages(proxied_page: Page, proxied: Proxied, grid: Grid) -> None:
    page = proxied_page
    page.goto(f"{proxied.url}/ui/")
    page.get_by_role("link", name=SPAWN).click()
    dialog = page.get_by_role("dialog", name=SPAWN)
    dialog.locator("#spawn-agent_id").fill("agent-1")
    confirm(dialog, "Spawn")
    expect(page).to_have_url(re.compile(rf"^{re.escape(proxied.url)}/ui/nodes/node-[0-9a-f]+$"))
    node_id = page.url.rpartition("/")[2]
    expect(notice(page)).to_contain_text(in_order(node_id, "spawned"))
    expect(page.locator("#node-status")).to_contain_text("running")
    expect(page.locator("#log-text")).not_to_be_empty()

    pid = grid.pids()[node_id]
    confirm(open_action(page, "Restart"), f"Restart {node_id}")
    expect(notice(page)).to_contain_text("restarted")
    eventually(lambda: grid.pids().get(node_id) not in (None, pid), message="another process runs")
    expect(page.locator("#explain")).to_contain_text(f"process {grid.pids()[node_id]}")  # by polling

    for link in ("Agents", "Nodes", "Events", "Overview"):
        page.get_by_role("navigation", name="Pages").get_by_role("link", name=link, exact=True).click()
        expect(page.locator("h1").first).to_be_visible()
        assert page.url.startswith(f"{proxied.url}/ui/")
    page.get_by_role("searchbox").first.fill(node_id)
    page.get_by_role("button", name="Search").first.click()
    expect(page).to_have_url(f"{proxied.url}/ui/nodes/{node_id}")
    page.goto(f"{proxied.url}/docs")
    expect(page.get_by_text("/nodes/{node_id}").first).to_be_visible()
    grid.grpc.remove(node_id)


def test_a_browser_is_led_to_the_pages(proxied_page: Page, proxied: Proxied) -> None:
    proxied_page.goto(proxied.url)
    expect(proxied_page).to_have_url(f"{proxied.url}/ui/")


def test_a_program_uses_the_api(proxied: Proxied, grid: Grid) -> None:
    key = f"key-{proxied.port}"
    first, second = (proxied.call("POST", "/nodes", {"agent_id": "agent-1"}, Idempotency_Key=key) for _ in range(2))
    node_id = json.loads(first[2])["node_id"]
    assert (first[0], json.loads(second[2])["node_id"]) == (201, node_id)
    assert first[1]["Location"] == f"{proxied.prefix}/nodes/{node_id}"
    assert first[1]["Strict-Transport-Security"]
    assert len(first[1].get_all("Strict-Transport-Security")) == 1  # type: ignore[attr-defined]
    document = json.loads(proxied.call("GET", "/openapi.json")[2])
    assert document.get("servers", [{"url": ""}])[0]["url"] == proxied.prefix
    origin = {"Origin": f"https://{NAME}:{proxied.port}"}
    assert proxied.call("POST", f"/nodes/{node_id}/stop", **origin)[0] == 200
    for other in ("https://evil.example", f"http://{NAME}:{proxied.port}", f"https://{NAME}"):
        assert proxied.call("POST", f"/nodes/{node_id}/start", Origin=other)[0] == 403
    grid.grpc.remove(node_id)


def test_a_log_that_is_followed_arrives_at_once(proxied: Proxied, grid: Grid) -> None:
    node = grid.grpc.spawn("agent-1")
    context = proxied.site.context()
    with (
        socket.create_connection((HOST, proxied.port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as secured,
    ):
        path = f"{proxied.prefix}/nodes/{node.node_id}/logs?follow=true"
        secured.sendall(f"GET {path} HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
        text = b""
        while b"\r\n\r\n" not in text or not text.partition(b"\r\n\r\n")[2]:
            part = secured.recv(65_536)
            assert part, text
            text += part
    assert text.startswith(b"HTTP/1.1 200")
    grid.grpc.remove(node.node_id)


def test_the_log_has_the_address_of_the_client(proxied: Proxied) -> None:
    proxied.call("GET", "/livez?a=1", source="127.0.0.77", X_Forwarded_For="6.6.6.6")
    eventually(lambda: "client=127.0.0.77" in proxied.admin.log_text(), message="the client is logged")
    assert "client=6.6.6.6" not in proxied.admin.log_text()


def test_a_client_forwards_nothing_itself(proxied: Proxied) -> None:
    told = {"X_Forwarded_Host": "evil.example", "X_Forwarded_Prefix": "/evil", "X_Forwarded_Proto": "http"}
    status, headers, _ = proxied.call("GET", "/", Accept="text/html", **told)
    assert (status, headers["Location"]) == (302, f"{proxied.prefix}/ui/")
    assert headers["Strict-Transport-Security"]
    assert proxied.call("GET", "/livez", Host="evil.example")[0] == 403
