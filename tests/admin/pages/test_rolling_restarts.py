"""Rolling restarts as pages: any worker shows them, any browser stops them, and a dead worker is not a running one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support.browser.pages import open_page
from support.fakes.clock import FakeClock
from support.fakes.fake_master import FakeMaster
from support.fakes.restarting_nodes import RestartingGrid
from support.texts import mentions
from support.waiting import eventually
from werkzeug.test import TestResponse

from sutra_grid.admin.app import create_app
from sutra_grid.admin.config import AdminConfig
from sutra_grid.admin.rolling.record import RollRecord, RollState
from sutra_grid.admin.services import services_of
from sutra_grid.core.errors import FailedPrecondition

PATH = "/ui/rolling-restarts"
NODES = ("node-00000001", "node-00000003")


@pytest.fixture(autouse=True)
def own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def grid(registry: object, master: FakeMaster) -> Iterator[RestartingGrid]:
    made = RestartingGrid(master, *NODES)
    yield made
    made.hold.set()


@pytest.fixture
def second_worker(app: Flask, config: AdminConfig) -> Iterator[FlaskClient]:
    """Another worker of the same admin."""
    other = create_app(config, secret_key=str(app.secret_key))
    yield other.test_client()
    services_of(other).close()


def form_to_start(client: FlaskClient, query: str = "", **changes: str) -> tuple[str, dict[str, Any]]:
    """Where the form goes to, and what it sends."""
    [form] = [form for form in open_page(client, f"{PATH}/new{query}").forms if form.method == "post"]
    data = {name: value for name, value in form.values if name != "node_id"} | changes
    node_ids = [value for name, value in form.values if name == "node_id"]
    return form.action, {**data, "node_id": node_ids}


def start(client: FlaskClient, query: str = "", **changes: str) -> TestResponse:
    action, data = form_to_start(client, query, **changes)
    return client.post(action, data=data)


def started(client: FlaskClient, query: str = "", **changes: str) -> str:
    """The path of the page of a rolling restart that was started."""
    answer = start(client, query, **changes)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def text_of(client: FlaskClient, path: str) -> str:
    return open_page(client, path).text("main")


def stop(client: FlaskClient, path: str) -> None:
    [form] = [form for form in open_page(client, path).forms if form.method == "post"]
    assert client.post(form.action, data=dict(form.values)).status_code == 303


def test_the_form_says_how_many_nodes_it_is_about(client: FlaskClient, grid: RestartingGrid) -> None:
    assert "2 nodes on 2 agents" in open_page(client, f"{PATH}/new").text("chosen")
    assert "1 node on 1 agent" in open_page(client, f"{PATH}/new?agent_id=agent-1").text("chosen")
    assert "1 node on 1 agent" in open_page(client, f"{PATH}/new?node_id={NODES[1]}").text("chosen")
    assert "No node" in open_page(client, f"{PATH}/new?engine=nothing").text("chosen")


def test_it_is_carried_out_with_its_bounds_and_ends(client: FlaskClient, grid: RestartingGrid) -> None:
    path = started(client, max_unavailable="2", min_ready_seconds="1")
    eventually(lambda: "done" in open_page(client, path).text("roll-state"), message="its end")
    assert mentions(text_of(client, path), "2 of 2", "at most 2 nodes down at once", "each ready for 1 s")
    assert sorted(grid.order) == list(NODES)
    assert "2 of 2 restarted" in text_of(client, PATH)


def test_every_worker_shows_where_it_is_and_can_stop_it(
    client: FlaskClient, second_worker: FlaskClient, grid: RestartingGrid
) -> None:
    grid.slow = {NODES[0]}
    path = started(client)
    eventually(lambda: NODES[0] in text_of(second_worker, path), message="the node under way")
    assert mentions(text_of(second_worker, path), "0 of 2", "Under way", NODES[0], "Left", NODES[1])

    stop(second_worker, path)
    assert "stopping" in open_page(client, path).text("roll-state")
    grid.hold.set()
    eventually(lambda: "stopped" in open_page(client, path).text("roll-state"), message="its end")
    assert mentions(text_of(second_worker, path), "1 of 2", "Somebody stopped it")
    assert grid.order == [NODES[0]], "the one under way was finished, and no other was begun"


def test_only_one_runs_at_a_time_in_all_workers(
    client: FlaskClient, second_worker: FlaskClient, grid: RestartingGrid
) -> None:
    grid.slow = {NODES[0]}
    forms = [(worker, *form_to_start(worker)) for worker in (client, second_worker)]
    started(client)
    for worker, action, data in forms:
        answer = worker.post(action, data=data)
        assert answer.status_code in (409, 429)
        assert "already runs a rolling restart" in answer.text or "already running" in answer.text


def test_while_one_runs_no_second_is_offered(client: FlaskClient, grid: RestartingGrid) -> None:
    grid.slow = {NODES[0]}
    started(client)
    page = open_page(client, f"{PATH}/new")
    assert "is running already" in page.text("main")
    assert not [form for form in page.forms if form.method == "post"]


def test_a_stop_does_not_wait_for_the_pause_of_a_node_that_is_up(client: FlaskClient, grid: RestartingGrid) -> None:
    path = started(client, pause_seconds="3000")
    eventually(lambda: grid.order == [NODES[0]], message="the first restart")
    stop(client, path)
    eventually(lambda: "stopped" in open_page(client, path).text("roll-state"), message="its end")
    assert mentions(text_of(client, path), "1 of 2", "Somebody stopped it")
    assert grid.order == [NODES[0]]


def test_one_under_way_says_that_the_master_is_gone(
    client: FlaskClient, grid: RestartingGrid, master: FakeMaster, clock: FakeClock
) -> None:
    path = started(client, pause_seconds="3000")
    eventually(lambda: grid.order == [NODES[0]], message="the first restart")
    assert "roll-waits" not in open_page(client, path).ids
    master.stop()
    clock.advance(10)
    assert mentions(open_page(client, path).text("roll-waits"), "master can't be asked", "no further node")


def test_a_form_that_is_sent_twice_starts_one(client: FlaskClient, grid: RestartingGrid) -> None:
    key = "00000000-0000-4000-8000-000000000001"
    path = started(client, key=key)
    eventually(lambda: "done" in open_page(client, path).text("roll-state"), message="its end")
    assert started(client, key=key) == path
    assert len(grid.order) == 2


def test_a_failure_ends_it_and_the_rest_is_offered(client: FlaskClient, grid: RestartingGrid) -> None:
    grid.failing = {NODES[0]}
    path = started(client, min_ready_seconds="1")
    eventually(lambda: "failed" in open_page(client, path).text("roll-state"), message="its end")
    text = text_of(client, path)
    assert mentions(text, f"{NODES[0]} crashes", "0 of 2")
    link = client.get(path).text.partition('id="resume" href="')[2].partition('"')[0].replace("&amp;", "&")
    grid.failing.clear()
    assert "min_ready_seconds=1" in link
    rest = started(client, "?" + link.partition("?")[2])
    eventually(lambda: "done" in open_page(client, rest).text("roll-state"), message="the rest")


def test_what_is_invalid_is_refused_and_said(client: FlaskClient, grid: RestartingGrid) -> None:
    answer = start(client, max_unavailable="0")
    assert answer.status_code == 400
    assert "max unavailable: must be an integer from 1 to 100" in answer.text
    assert grid.order == []


def test_a_rolling_restart_whose_worker_died_is_interrupted_and_not_running(
    app: Flask, client: FlaskClient, grid: RestartingGrid
) -> None:
    rolls = services_of(app).rolls
    record = RollRecord(
        "00000000-0000-4000-8000-000000000002", 1, {"all": True}, 2, in_flight=(NODES[0],), left=NODES,
        resume={"all": True, "started_before_ms": 5},
    )  # fmt: skip
    lock = rolls.begin(record)
    path = f"{PATH}/{record.roll_id}"
    assert "running" in open_page(client, path).text("roll-state")
    with pytest.raises(FailedPrecondition):
        rolls.begin(record)

    os.close(lock)  # as the kernel does for a process that died
    assert rolls.get(record.roll_id).state is RollState.INTERRUPTED
    text = text_of(client, path)
    assert mentions(
        text, "interrupted", "worker that ran it has ended", "Was under way", NODES[0], "How these ended is not known"
    )
    assert "started_before_ms=5" in client.get(path).text


def test_an_admin_that_stops_leaves_it_interrupted(
    client: FlaskClient, app: Flask, second_worker: FlaskClient, grid: RestartingGrid
) -> None:
    grid.slow = {NODES[0]}
    path = started(client)
    eventually(lambda: grid.order == [NODES[0]], message="the first restart")
    services_of(app).runner.close()
    grid.hold.set()
    eventually(lambda: "interrupted" in open_page(second_worker, path).text("roll-state"), message="its end")


def test_an_unknown_one_is_an_error_page(client: FlaskClient, registry: object) -> None:
    assert "not known to this admin" in open_page(client, f"{PATH}/0000", 404).text("main")
    open_page(client, f"{PATH}/00000000-0000-4000-8000-000000000009", 404)


def test_a_directory_of_somebody_else_is_not_used(client: FlaskClient, app: Flask, grid: RestartingGrid) -> None:
    directory = services_of(app).rolls._directory
    directory.mkdir(mode=0o777)
    directory.chmod(0o777)
    answer = start(client)
    assert answer.status_code == 503
    assert "private directory" in answer.text
    assert grid.order == []


def test_it_is_reached_from_the_nodes_and_from_an_agent(client: FlaskClient, registry: object) -> None:
    assert f'href="{PATH}"' in client.get("/ui/nodes").text
    assert f'href="{PATH}/new?agent_id=agent-1"' in client.get("/ui/agents/agent-1").text
