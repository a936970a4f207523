"""Every response carries the headers that tell browsers what they may not do with it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sutra_grid.admin.app import create_app
from sutra_grid.admin.config import AdminConfig
from sutra_grid.admin.http.security_headers import HEADERS
from sutra_grid.admin.services import services_of
from sutra_grid.core.access.route_rules import ROUTE_RULES

SAMPLES = {"node_id": "node-00000001", "agent_id": "agent-1", "verb": "stop", "filename": "ui/ui.css", "roll_id": "r"}


def _check(answer: TestResponse, what: str) -> None:
    for name in HEADERS:
        assert answer.headers.getlist(name), f"{name} is missing: {what}"
        assert len(answer.headers.getlist(name)) == 1, f"{name} twice: {what}"
    policy = answer.headers["Content-Security-Policy"]
    for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action"):
        assert part in policy, what
    assert answer.headers["X-Frame-Options"] == "DENY", what
    assert answer.headers["X-Content-Type-Options"] == "nosniff", what
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0], what


@pytest.mark.usefixtures("registry")
def test_every_route_and_every_method_answers_with_them(app: Flask, client: FlaskClient) -> None:
    methods = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
    for rule in app.url_map.iter_rules():
        path = str(rule)
        for name in rule.arguments:
            path = path.replace(next(part for part in path.split("/") if f"{name}>" in part), SAMPLES[name])
        for method in methods:
            for accept in ("application/json", "text/html"):
                answer = client.open(path, method=method, headers={"Accept": accept}, query_string={"timeout": "0"})
                _check(answer, f"{method} {path} {answer.status_code}")


@pytest.mark.usefixtures("registry")
def test_errors_and_redirects_have_them(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROUTE_RULES, "GET /fault", ROUTE_RULES["GET /"])

    @app.get("/fault")
    def fail() -> str:
        raise RuntimeError

    answers = {
        "a redirect": client.get("/", headers={"Accept": "text/html"}),
        "not found": client.get("/nothing"),
        "not found, as a page": client.get("/ui/nothing"),
        "a fault": client.get("/fault"),
        "another host": client.get("/", headers={"Host": "evil.example"}),
        "another site": client.post("/nodes", headers={"Sec-Fetch-Site": "cross-site"}),
        "an expired form": client.post("/ui/spawn"),
        "a body that is too large": client.post("/nodes", data=b"x" * 70_000, content_type="application/json"),
        "not modified": client.get("/static/ui/ui.css", headers={"If-Modified-Since": "Tue, 1 Jan 2999 00:00:00 GMT"}),
    }
    expected = [302, 404, 404, 500, 403, 403, 403, 413, 304]
    assert [answer.status_code for answer in answers.values()] == expected
    for what, answer in answers.items():
        _check(answer, what)


def test_without_a_registry_they_are_there_too(client: FlaskClient) -> None:
    for path in ("/ui/", "/nodes", "/readyz"):
        _check(client.get(path), path)


def test_only_over_https_browsers_are_told_to_keep_to_it(client: FlaskClient, config: AdminConfig) -> None:
    name = "Strict-Transport-Security"
    for path in ("/livez", "/nothing", "/static/ui/ui.css"):
        assert name not in client.get(path).headers
        assert client.get(path, base_url="https://localhost").headers[name] == "max-age=31536000"
    silent = create_app(replace(config, hsts_secs=0))
    assert name not in silent.test_client().get("/livez", base_url="https://localhost").headers
    services_of(silent).close()
