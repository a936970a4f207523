"""Behind reverse proxies: what those that are trusted forward is used, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support.browser.html import Page
from support.fakes.clock import FakeClock
from support.fakes.fake_master import FakeMaster
from support.values.grid_values import a_report
from werkzeug.test import TestResponse

from sutra_grid.admin.app import create_app
from sutra_grid.admin.config import AdminConfig
from sutra_grid.admin.services import services_of
from sutra_grid.core.access.route_rules import ROUTE_RULES
from sutra_grid.core.types import NodeState
from sutra_grid.registry import Observations, Registry
from sutra_grid.wire import grid_pb2 as pb

NODE = "node-00000001"
SITE = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "grid.example"}
PAGES = [
    "/ui/",
    "/ui/agents?sort=status&limit=1",
    "/ui/agents/agent-1",
    "/ui/agents/agent-1/drain",
    "/ui/nodes?limit=1",
    f"/ui/nodes/{NODE}",
    f"/ui/nodes/{NODE}/log",
    f"/ui/act/stop?node_id={NODE}",
    f"/ui/act/restart?node_id={NODE}&node_id=node-00000002",
    "/ui/spawn",
    "/ui/events?limit=1",
    "/ui/search?q=node",
    "/ui/rolling-restarts",
    "/ui/rolling-restarts/new",
    "/ui/nodes/node-none",
    "/docs",
]
_ADDRESSES = re.compile(r' (?:href|src|action|formaction|data-url|hx-get|hx-post)="([^"]*)"')


@pytest.fixture
def config(config: AdminConfig) -> AdminConfig:
    return replace(config, trusted_proxies=["127.0.0.1", "10.1.0.0/16"], allowed_hosts=["grid.example"])


@pytest.fixture
def below(config: AdminConfig, clock: FakeClock) -> Iterator[FlaskClient]:
    """A client of an admin with ``url_prefix = "/grid"``."""
    made = create_app(replace(config, url_prefix="/grid"), clock)
    yield made.test_client()
    services_of(made).close()


@pytest.fixture
def seen(app: Flask, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A client of an admin that tells at /seen what it sees."""

    monkeypatch.setitem(ROUTE_RULES, "GET /seen", ROUTE_RULES["GET /"])

    @app.get("/seen")
    def show_seen() -> dict[str, str | None]:
        from flask import request

        return {"client": request.remote_addr, "url": request.url, "root": request.script_root}

    return app.test_client()


def _seen(client: FlaskClient, peer: str = "127.0.0.1", path: str = "/seen", **headers: str) -> list[str]:
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    answer = client.get(path, headers=given, environ_base={"REMOTE_ADDR": peer}).get_json()
    return [answer["client"], answer["url"], answer["root"]]


def test_a_trusted_proxy_tells_client_scheme_host_and_prefix(seen: FlaskClient) -> None:
    told = {"X_Forwarded_Prefix": "/grid", **{name.replace("-", "_"): text for name, text in SITE.items()}}
    assert _seen(seen, **told) == ["203.0.113.9", "https://grid.example/grid/seen", "/grid"]
    assert _seen(seen, path="/grid/seen", **told) == ["203.0.113.9", "https://grid.example/grid/seen", "/grid"]


@pytest.mark.parametrize("peer", ["203.0.113.9", "10.2.0.1", "::1"])
def test_what_another_peer_forwards_is_ignored(seen: FlaskClient, peer: str) -> None:
    told = {
        "X_Forwarded_For": "1.2.3.4",
        "X_Forwarded_Proto": "https",
        "X_Forwarded_Host": "grid.example",
        "X_Forwarded_Prefix": "/grid",
    }
    assert _seen(seen, peer, **told) == [peer, "http://localhost/seen", ""]


def test_by_default_no_peer_is_trusted(client: FlaskClient, config: AdminConfig) -> None:
    plain = create_app(replace(config, trusted_proxies=[]))
    told = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil", "X-Forwarded-Proto": "https"}
    answer = plain.test_client().get("/", headers={"Accept": "text/html", **told})
    assert answer.headers["Location"] == "/ui/"
    assert "Strict-Transport-Security" not in answer.headers
    services_of(plain).close()


def test_the_client_is_the_first_that_no_trusted_proxy_has_named(seen: FlaskClient) -> None:
    assert _seen(seen, X_Forwarded_For="6.6.6.6, 203.0.113.9")[0] == "203.0.113.9"
    assert _seen(seen, X_Forwarded_For="6.6.6.6, 203.0.113.9:4711, 10.1.2.3")[0] == "203.0.113.9"
    assert _seen(seen, X_Forwarded_For="<script>")[0] == "127.0.0.1"


@pytest.mark.parametrize("prefix", ["//evil.example", "/../x", 'x"', "/a b", "https://evil.example"])
def test_a_forwarded_prefix_leads_to_no_other_site(seen: FlaskClient, prefix: str) -> None:
    assert _seen(seen, X_Forwarded_Prefix=prefix)[2] == ""


@pytest.mark.parametrize(("scheme", "host"), [("javascript", "grid.example"), ("https", "grid.example/x?")])
def test_a_forwarded_value_that_is_none_is_ignored(seen: FlaskClient, scheme: str, host: str) -> None:
    url = _seen(seen, X_Forwarded_Proto=scheme, X_Forwarded_Host=host)[1]
    assert url == ("http://grid.example/seen" if scheme == "javascript" else "https://localhost/seen")


# -- the prefix --


def _open(client: FlaskClient, path: str, **headers: str) -> TestResponse:
    return client.get(f"/grid{path}", headers=headers)


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("path", PAGES)
def test_every_address_on_a_page_begins_with_the_prefix(below: FlaskClient, registry: Registry, path: str) -> None:
    node = registry.node("node-00000002")
    assert node is not None
    failed = a_report(node, state=NodeState.FAILED, pid=0)
    registry.write_observations(Observations(reports=[failed]))
    for headers in ({}, {"HX-Request": "true"}, {"HX-Request": "true", "HX-Target": "dialog"}):
        text = _open(below, path, **headers).text
        found = _ADDRESSES.findall(text)
        outside = [each for each in found if not each.startswith(("/grid/", "#", "data:"))]
        assert found or headers
        assert not outside
        assert "/grid/grid" not in text


@pytest.mark.usefixtures("registry")
def test_all_files_that_a_page_names_are_there(below: FlaskClient) -> None:
    for page in ("/ui/", "/docs"):
        files = [each for each in _ADDRESSES.findall(_open(below, page).text) if "/static/" in each]
        assert len(files) >= 3
        assert [each for each in files if below.get(each).status_code != 200] == []


@pytest.mark.usefixtures("registry")
def test_redirects_and_links_of_the_api_have_the_prefix(below: FlaskClient, master: FakeMaster) -> None:
    assert below.get("/grid", headers={"Accept": "text/html"}).headers["Location"] == "/grid/ui/"
    assert _open(below, f"/ui/search?q={NODE}").headers["Location"] == f"/grid/ui/nodes/{NODE}"
    assert set(_open(below, "/").get_json()["links"].values()) >= {"/grid/status", "/grid/ui/", "/grid/docs"}
    assert _open(below, "/openapi.json").get_json()["servers"] == [{"url": "/grid"}]
    assert _open(below, "/nodse").get_json(force=True)["instance"] == "/grid/nodse"
    assert "</grid/nodes?" in _open(below, "/nodes?limit=1").headers["Link"]
    master.answers["SpawnStorageNode"] = pb.SpawnResponse(success=True, node=pb.NodeStatus(node_id=NODE))
    assert below.post("/grid/nodes", json={}).headers["Location"] == f"/grid/nodes/{NODE}"


@pytest.mark.usefixtures("registry")
def test_a_proxy_may_remove_the_prefix_or_pass_it_on(below: FlaskClient) -> None:
    assert below.get("/grid/livez").status_code == below.get("/livez").status_code == 200
    assert 'href="/grid/ui/nodes"' in below.get("/ui/").text
    assert below.get("/gridiron").status_code == 404


@pytest.mark.usefixtures("registry")
def test_a_form_below_the_prefix_is_taken(below: FlaskClient, master: FakeMaster) -> None:
    master.answers["StopStorageNode"] = pb.StopResponse(success=True, node=pb.NodeStatus(node_id=NODE))
    page = below.get(f"/grid/ui/act/stop?node_id={NODE}", headers=SITE, base_url="https://grid.example")
    cookie = page.headers["Set-Cookie"]
    assert "Path=/grid;" in f"{cookie};"
    assert "Secure" in cookie
    [form] = [form for form in Page(page.text).forms if form.method == "post"]
    sent = {**SITE, "Origin": "https://grid.example"}
    answer = below.post(form.action, data=dict(form.values), headers=sent, base_url="https://grid.example")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/grid/ui/nodes/{NODE}")
    assert len(master.calls["StopStorageNode"]) == 1
    other = {**SITE, "Origin": "http://grid.example"}
    refused = below.post(form.action, data=dict(form.values), headers=other, base_url="https://grid.example")
    assert refused.status_code == 403, "plain http is another site, which anybody may write"


@pytest.mark.usefixtures("registry")
def test_htmx_is_told_the_address_below_the_prefix(below: FlaskClient, master: FakeMaster) -> None:
    master.answers["StopStorageNode"] = pb.StopResponse(success=True, node=pb.NodeStatus(node_id=NODE))
    [form] = [f for f in Page(_open(below, f"/ui/act/stop?node_id={NODE}").text).forms if f.method == "post"]
    answer = below.post(form.action, data=dict(form.values), headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == f"/grid/ui/nodes/{NODE}"


def test_without_a_prefix_the_cookie_is_for_the_whole_site(client: FlaskClient, registry: Registry) -> None:
    cookie = client.get("/ui/spawn").headers["Set-Cookie"]
    assert "Path=/;" in f"{cookie};"
    assert "Secure" not in cookie, "over plain http a browser would not send it back"
    assert "servers" not in client.get("/openapi.json").get_json()
