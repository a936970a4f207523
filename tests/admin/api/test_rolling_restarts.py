"""``POST /rolling-restarts``: line by line, and only as long as somebody reads."""

import json
import threading
import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support.fakes.fake_master import FakeMaster
from support.fakes.restarting_nodes import RestartingGrid
from support.texts import mentions
from support.values.cli_records import agent, node
from support.waiting import eventually

from sutra_grid.admin.services import services_of
from sutra_grid.wire import grid_pb2 as pb


def lines_of(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_every_node_is_told_and_the_end(client: FlaskClient, master: FakeMaster) -> None:
    grid = RestartingGrid(master, "a", "b")
    begin, first, second, end = lines_of(client.post("/rolling-restarts", json={"all": True}))
    assert begin == {"kind": "begin", "total": 2}
    assert (first["kind"], first["done"], first["total"], first["node"]["node_id"]) == ("restarted", 1, 2, "a")
    assert second["node"]["pid"] == 1101
    assert end == {"kind": "end", "restarted": ["a", "b"], "left": [], "failure": None, "resume": None}
    assert grid.most_down == 1


def test_a_failure_ends_it_and_the_request_to_go_on_restarts_only_the_rest(
    client: FlaskClient, master: FakeMaster
) -> None:
    grid = RestartingGrid(master, "a", "b", "c")
    grid.failing = {"b"}
    body = {"agent_id": "agent-1", "max_unavailable": 1}
    end = lines_of(client.post("/rolling-restarts", json=body))[-1]
    assert (end["restarted"], end["left"]) == (["a"], ["b", "c"])
    assert (end["failure"]["status"], end["failure"]["reason"]) == (409, "crash_loop")
    resume = end["resume"]
    assert resume["body"]["agent_id"] == "agent-1"
    grid.failing.clear()
    end = lines_of(client.open(resume["path"], method=resume["method"], json=resume["body"]))[-1]
    assert end["left"] == []
    assert grid.order == ["a", "b", "b", "c"]


def test_of_named_nodes_those_that_are_left_are_named(client: FlaskClient, master: FakeMaster) -> None:
    RestartingGrid(master, "a", "b", "c").failing = {"c"}
    end = lines_of(client.post("/rolling-restarts", json={"node_ids": ["a", "c", "b"], "pause_seconds": 0}))[-1]
    assert end["resume"]["body"] == {"node_ids": ["c", "b"]}


def test_each_node_must_be_ready_for_the_given_time_and_so_after_it_is_resumed(
    client: FlaskClient, master: FakeMaster
) -> None:
    grid = RestartingGrid(master, "a", "b", "c")
    grid.failing = {"c"}
    began = time.monotonic()
    lines = lines_of(client.post("/rolling-restarts", json={"all": True, "min_ready_seconds": 1}))
    assert time.monotonic() - began >= 2
    assert grid.order == ["a", "b", "c"]
    assert [line["kind"] for line in lines if line["kind"] != "waiting"] == ["begin", "restarted", "restarted", "end"]
    assert lines[-1]["resume"]["body"]["min_ready_seconds"] == 1


def test_with_a_key_each_restart_has_its_own(client: FlaskClient, master: FakeMaster) -> None:
    RestartingGrid(master, "a", "b")
    lines_of(client.post("/rolling-restarts", json={"all": True}, headers={"Idempotency-Key": "k"}))
    assert [call.request_id for call in master.calls["RestartStorageNode"]] == ["k#a", "k#b"]


@pytest.mark.parametrize(
    "body", [{}, {"all": False}, {"all": True, "agent_id": "a"}, {"node_ids": []}, {"node_ids": ["a", "a"]}]
)
def test_it_takes_exactly_one_way_to_say_which(client: FlaskClient, master: FakeMaster, body: dict[str, Any]) -> None:
    assert client.post("/rolling-restarts", json=body).status_code == 400
    assert master.calls == {}


def test_nothing_is_restarted_when_one_is_not_there(client: FlaskClient, master: FakeMaster) -> None:
    grid = RestartingGrid(master, "a")
    answer = client.post("/rolling-restarts", json={"node_ids": ["a", "z"]})
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["reason"]) == (404, "unknown_node")
    assert mentions(problem["hint"], "GET /nodes")
    assert grid.order == []


def test_a_second_one_is_refused_while_one_goes_on(app: Flask, client: FlaskClient, master: FakeMaster) -> None:
    RestartingGrid(master, "a")
    with services_of(app).long_requests.acquire_rolling_restart():
        assert client.post("/rolling-restarts", json={"all": True}).status_code == 429
    assert client.post("/rolling-restarts", json={"all": True}).status_code == 200


def test_a_client_that_leaves_ends_it(client: FlaskClient, master: FakeMaster) -> None:
    grid = RestartingGrid(master, "a", "b", "c")
    answer = client.post("/rolling-restarts", json={"all": True})
    lines = answer.iter_encoded()
    assert json.loads(next(lines))["kind"] == "begin"
    assert json.loads(next(lines))["node"]["node_id"] == "a"
    answer.close()
    assert "c" not in grid.order
    assert client.post("/rolling-restarts", json={"node_ids": ["c"]}).status_code == 200  # its slot is free again


def test_draining_with_the_nodes_answers_when_none_has_a_process(client: FlaskClient, master: FakeMaster) -> None:
    stopped = node("n1", status="stopped", desired="stopped", pid=0)
    master.answers["DrainAgent"] = agent("a", drained=True)
    master.answers["GetAgent"] = [agent("a", storage_nodes=[node("n1")]), agent("a", storage_nodes=[stopped])]
    master.answers["StopStorageNode"] = pb.StopResponse(success=True)
    answer = client.post("/agents/a/drain?stop_nodes=true")
    assert (answer.status_code, answer.json["storage_nodes"][0]["status"]) == (200, "stopped")
    assert [call.node_id for call in master.calls["StopStorageNode"]] == ["n1"]


def test_draining_an_offline_agent_says_what_to_do(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["DrainAgent"] = agent("a", drained=True, status="offline")
    master.answers["GetAgent"] = agent("a", status="offline", storage_nodes=[node("n1", status="unknown")])
    answer = client.post("/agents/a/drain?stop_nodes=true")
    assert (answer.status_code, answer.get_json(force=True)["reason"]) == (409, "agent_offline")
    assert "DELETE /agents/a" in answer.get_json(force=True)["hint"]


def test_a_client_that_leaves_ends_the_wait_for_the_restart_under_way(client: FlaskClient, master: FakeMaster) -> None:
    grid = RestartingGrid(master, "a", "b")
    answer = client.post("/rolling-restarts", json={"all": True, "pause_seconds": 600})
    assert json.loads(next(answer.iter_encoded()))["kind"] == "begin"
    eventually(lambda: grid.order == ["a"])
    answer.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "restart a"]


def test_an_undrain_starts_what_the_drain_has_stopped(client: FlaskClient, master: FakeMaster) -> None:
    by_drain = node("n1", status="stopped", desired="stopped", pid=0, stopped_by_drain=True)
    by_hand = node("n2", status="stopped", desired="stopped", pid=0)
    master.answers["UndrainAgent"] = agent("a", storage_nodes=[by_drain, by_hand])
    master.answers["GetAgent"] = [agent("a", storage_nodes=[by_drain, by_hand]), agent("a", storage_nodes=[node("n1")])]
    master.answers["StartStorageNode"] = pb.NodeResult(success=True, node=node("n1"))
    assert client.post("/agents/a/undrain").json["storage_nodes"][0]["stopped_by_drain"] is True
    assert not master.calls["StartStorageNode"]
    answer = client.post("/agents/a/undrain?start_nodes=true&timeout=10")
    assert (answer.status_code, answer.json["storage_nodes"][0]["status"]) == (200, "running")
    assert [call.node_id for call in master.calls["StartStorageNode"]] == ["n1"]
