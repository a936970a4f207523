"""Errors of the pages are pages with a way back, and browsers get a page wherever they ask. Programs get problems."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from support.browser.html import Page
from support.texts import mentions

from sutra_grid.admin.app import MAX_BODY_BYTES
from sutra_grid.admin.pages.blueprint import POLICY
from sutra_grid.registry import Registry

pytestmark = pytest.mark.usefixtures("registry")

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"}
WAYS_BACK = {"/ui/", "/ui/agents", "/ui/nodes", "/ui/events"}


def refused_page(client: FlaskClient, path: str, status: int, method: str = "GET", **given: object) -> Page:
    answer = client.open(path, method=method, **given)  # type: ignore[arg-type]
    assert (answer.status_code, answer.content_type) == (status, "text/html; charset=utf-8"), answer.text
    assert answer.headers["Content-Security-Policy"] == POLICY
    page = Page(answer.text)
    assert set(page.links) >= WAYS_BACK
    assert page.refused == []
    return page


@pytest.mark.parametrize(
    "path", ["/ui/nosuch", "/ui/nodes/", "/ui/nodes/a/b", "/ui/act/explode", "/ui/agents/agent-1/x"]
)
def test_an_unknown_page_is_a_page_whoever_asks(client: FlaskClient, path: str) -> None:
    if path == "/ui/nodes/":  # a trailing slash is no other page
        assert client.get(path).status_code == 200
        return
    page = refused_page(client, path, 404)
    assert mentions(page.text("live"), "Not found", path)


def test_an_unknown_address_is_a_page_for_a_browser_and_a_problem_for_a_program(client: FlaskClient) -> None:
    assert "/nosuch" in refused_page(client, "/nosuch", 404, headers=BROWSER).text("live")
    for accept in ("*/*", "application/json", "application/problem+json, text/html;q=0.5"):
        answer = client.get("/nosuch", headers={"Accept": accept})
        assert answer.content_type == "application/problem+json", accept
        assert "Accept" in answer.headers["Vary"]
    assert client.get("/nosuch").content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "status", "named"),
    [
        ("/nodes/node-9", 404, "node-9"),
        ("/agents/agent-9", 404, "agent-9"),
        ("/nodes?stauts=failed", 400, "did you mean status"),
        ("/nodes/node-00000001/stop", 405, "does not support GET"),
    ],
)
def test_a_browser_on_the_api_gets_a_page_that_says_what_is_wrong(
    client: FlaskClient, path: str, status: int, named: str
) -> None:
    assert named in refused_page(client, path, status, headers=BROWSER).text("live")
    assert client.get(path).content_type == "application/problem+json"


def test_a_method_that_a_page_does_not_have_is_a_page(client: FlaskClient) -> None:
    answer = client.delete("/ui/nodes")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert mentions(refused_page(client, "/ui/nodes", 405, "DELETE").text("live"), "does not support DELETE")


def test_a_form_that_is_too_large_is_a_page(client: FlaskClient) -> None:
    page = refused_page(client, "/ui/spawn", 413, "POST", data={"port": "1" * (MAX_BODY_BYTES + 1)})
    assert mentions(page.text("live"), "64 KiB")


def test_a_page_of_a_removed_node_leads_to_its_events(client: FlaskClient, registry: Registry) -> None:
    registry.remove_node("node-00000001")
    page = refused_page(client, "/ui/nodes/node-00000001", 404)
    assert mentions(page.text("live"), "node-00000001", "removed")
    assert "/ui/events?node_id=node-00000001" in page.links


def test_an_error_that_stays_is_not_asked_for_again_and_again(client: FlaskClient) -> None:
    assert "data-polls" not in client.get("/ui/nosuch").text
    assert "data-polls" not in client.get("/ui/nodes?x=1").text
