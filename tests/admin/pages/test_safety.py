"""What a page never does: run what a node wrote, take another site's form, show a traceback, need a style inline."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support.browser.html import Page
from support.browser.pages import open_page, send_form
from support.fakes.clock import FakeClock
from support.fakes.fake_master import FakeMaster
from support.texts import mentions
from support.values.grid_values import a_report, an_agent, an_event

from sutra_grid.admin.app import create_app
from sutra_grid.admin.config import AdminConfig
from sutra_grid.admin.server.secret_key import KEY_VARIABLE, secret_key_of
from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import NodeState, Reason
from sutra_grid.registry import Observations, Registry
from sutra_grid.wire import grid_pb2 as pb

NODE = "node-00000001"
PAGES = [
    "/ui/",
    "/ui/agents",
    "/ui/agents/agent-1",
    "/ui/agents/agent-1/drain",
    "/ui/agents/agent-2/remove",
    "/ui/nodes",
    f"/ui/nodes/{NODE}",
    f"/ui/nodes/{NODE}/log",
    f"/ui/act/stop?node_id={NODE}",
    f"/ui/act/restart?node_id={NODE}&node_id=node-00000002",
    "/ui/spawn",
    "/ui/events",
    "/ui/search?q=node",
    "/ui/nodes/node-none",
]
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>"

every_page = pytest.mark.parametrize("path", PAGES)


@pytest.fixture
def evil(registry: Registry, master: FakeMaster) -> None:
    """A grid in which everybody writes HTML wherever a text can stand."""
    registry.save_agent(an_agent("agent-1", message=EVIL, hostname=EVIL, labels={EVIL: EVIL}, engines=(EVIL,)))
    node = registry.node(NODE)
    assert node is not None
    spec = replace(node.spec, engine=EVIL, storage_path=EVIL)
    report = a_report(
        node, state=NodeState.FAILED, pid=0, reason=Reason.CRASHED, message=EVIL, endpoint=EVIL, spec=spec, log_tail=()
    )
    registry.write_observations(Observations(reports=[report], events=[an_event("node.failed", message=EVIL)]))
    master.answers["ReadNodeLog"] = pb.LogChunk(data=f"{EVIL}\n".encode())
    master.answers["ListNodeSamples"] = pb.NodeSampleList(samples=[pb.NodeSample(at_ms=1), pb.NodeSample(at_ms=2)])


@every_page
@pytest.mark.usefixtures("evil")
def test_a_page_has_nothing_inline_and_runs_nothing_that_a_node_wrote(client: FlaskClient, path: str) -> None:
    for headers in ({}, {"HX-Request": "true"}, {"HX-Request": "true", "HX-Target": "dialog"}):
        answer = client.get(path, headers=headers)
        assert Page(answer.text).refused == []
        assert "<script>" not in answer.text
        assert "<img src=x" not in answer.text


@every_page
@pytest.mark.usefixtures("registry")
def test_a_page_allows_browsers_nothing_but_files_of_this_admin(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


@every_page
@pytest.mark.usefixtures("registry")
def test_a_page_is_well_made_for_who_does_not_see_it(client: FlaskClient, path: str) -> None:
    page = Page(client.get(path).text)
    assert page.controls_without_label == []
    assert len(page.ids) == len(set(page.ids))
    assert page.headings[0] == 1
    assert all(after <= before + 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert "main" in page.ids


@pytest.mark.usefixtures("registry")
def test_all_files_that_a_page_names_are_there(client: FlaskClient) -> None:
    text = client.get("/ui/").text
    files = [part.partition('"')[0] for part in text.split('"/static/')[1:]]
    assert len(files) >= 5
    for name in files:
        assert client.get(f"/static/{name}").status_code == 200, name


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    "path",
    [
        "/ui/act/stop",
        "/ui/spawn",
        "/ui/agents/agent-1/drain",
        "/ui/agents/agent-1/undrain",
        "/ui/agents/agent-1/remove",
    ],
)
def test_a_form_without_the_page_s_token_commands_nothing(client: FlaskClient, master: FakeMaster, path: str) -> None:
    for token in ({}, {"csrf_token": "made-up"}):
        answer = client.post(path, data={"node_id": NODE, **token})
        assert answer.status_code == 403
        assert mentions(Page(answer.text).text(), "page", "again"), "it says what to do"
    assert not master.calls


@pytest.mark.usefixtures("registry")
def test_another_site_s_form_is_refused_even_with_a_token(client: FlaskClient, master: FakeMaster) -> None:
    page = open_page(client, f"/ui/act/stop?node_id={NODE}")
    [form] = [form for form in page.forms if form.method == "post"]
    answer = client.post(form.action, data=dict(form.values), headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert not master.calls


@pytest.mark.usefixtures("registry")
def test_the_cookie_is_not_sent_by_other_sites_and_not_read_by_scripts(client: FlaskClient) -> None:
    cookie = client.get("/ui/spawn").headers["Set-Cookie"]
    assert "SameSite=Lax" in cookie
    assert "HttpOnly" in cookie


@pytest.mark.usefixtures("registry")
def test_programs_need_no_token(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["StopStorageNode"] = pb.StopResponse(success=True, node=pb.NodeStatus(node_id=NODE))
    assert client.post(f"/nodes/{NODE}/stop").status_code == 200


def test_workers_with_one_key_take_each_other_s_forms(app: Flask, registry: Registry, master: FakeMaster) -> None:
    master.answers["StopStorageNode"] = pb.StopResponse(success=True, node=pb.NodeStatus(node_id=NODE))
    config = AdminConfig("127.0.0.1:0", registry.name, master.address, 1, 2, 5, 1)
    config = replace(config, registry_url=f"sqlite:///{registry.name}")
    first, second = (create_app(config, secret_key="k" * 32).test_client() for _ in range(2))
    page = Page(first.get(f"/ui/act/stop?node_id={NODE}").text)
    [form] = [form for form in page.forms if form.method == "post"]
    cookie = first.get_cookie("sutra-grid")
    assert cookie is not None
    second.set_cookie("sutra-grid", cookie.value)
    assert second.post(form.action, data=dict(form.values)).status_code == 303


def test_the_key_is_of_the_file_or_of_the_environment_or_new(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("f" * 40 + "\n")
    assert secret_key_of(str(file), {KEY_VARIABLE: "e"}) == "f" * 40
    assert secret_key_of("", {KEY_VARIABLE: "e"}) == "e"
    assert secret_key_of("", {}) != secret_key_of("", {})
    file.write_text("short")
    for wrong in (file, tmp_path / "none"):
        with pytest.raises(InvalidArgument, match="secret_key_file"):
            secret_key_of(str(wrong), {})


@pytest.mark.parametrize("path", [path for path in PAGES if not path.endswith("/log")])  # a log is the master's
def test_without_a_registry_a_page_says_so_with_503(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    page = Page(answer.text)
    assert mentions(page.text(), "registry", "master")


def test_a_registry_that_goes_away_is_told_in_the_polled_part_too(
    client: FlaskClient, registry: Registry, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "registry.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    open_page(client, "/ui/")  # another writer is no hindrance
    other.close()
    (tmp_path / "registry.db").unlink()
    answer = client.get("/ui/", headers={"HX-Request": "true", "HX-Target": "live"})
    assert answer.status_code == 503
    assert answer.text.strip().startswith('<div id="live">')
    assert "Traceback" not in answer.text


@pytest.mark.usefixtures("registry")
def test_a_fault_of_the_program_shows_nothing_of_it(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, app: Flask
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("the secret")

    monkeypatch.setitem(app.view_functions, "pages.show_overview", fail)
    answer = client.get("/ui/")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert mentions(Page(answer.text).text(), "log"), "it says where the cause is told"


@pytest.mark.usefixtures("registry")
def test_a_command_while_the_master_is_down_is_answered_with_the_reason(
    client: FlaskClient, master: FakeMaster, clock: FakeClock
) -> None:
    assert "the command would fail" not in client.get("/ui/agents/agent-1/drain").text
    master.stop()
    clock.advance(10)
    for path in ("/ui/agents/agent-1/drain", "/ui/act/stop?node_id=node-00000001", "/ui/spawn"):
        for headers in ({}, {"HX-Request": "true", "HX-Target": "dialog"}):
            assert "the command would fail" in client.get(path, headers=headers).text, "before it is sent"
    answer = send_form(client, "/ui/agents/agent-1/drain")
    assert answer.status_code == 503
    assert master.address in Page(answer.text).text("failure")
