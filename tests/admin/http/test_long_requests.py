"""Requests that wait or follow: what they answer, and that they never take all threads."""

import json
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support.fakes.fake_master import FakeMaster
from support.values.grid_values import an_event
from support.waiting import eventually

from sutra_grid.admin.http.long_requests import LongRequests, is_client_gone
from sutra_grid.admin.services import services_of
from sutra_grid.core.errors import NotFound, ResourceExhausted, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.registry import Observations, Registry
from sutra_grid.wire import grid_pb2 as pb

GONE = NotFound("node-1 was removed", reason=Reason.NODE_REMOVED)
ALL_OF_IT = {"more": False, "omitted_lines": 0, "omitted_cursor": "", "note": ""}


def chunk(data: bytes, cursor: str = "c") -> pb.LogChunk:
    return pb.LogChunk(data=data, cursor=cursor)


@pytest.fixture
def busy(app: Flask) -> Iterator[LongRequests]:
    """All slots are taken."""
    long = services_of(app).long_requests
    slots = [long.acquire() for _ in range(long.limit)]
    yield long
    for slot in slots:
        slot.release()


def test_a_log_is_followed_until_the_node_is_removed(client: FlaskClient, master: FakeMaster) -> None:
    away = Unavailable("agent-1 does not answer", reason=Reason.AGENT_UNREACHABLE)
    master.answers["ReadNodeLog"] = [chunk(b"one\n", "1"), chunk(b"tw", "2"), away, chunk(b"o\n", "3"), GONE]
    answer = client.get("/nodes/node-1/logs?follow=true&tail=5")
    assert (answer.content_type, answer.text) == ("text/plain; charset=utf-8", "one\ntwo\n")
    calls = master.calls["ReadNodeLog"]
    assert [(call.tail_lines, call.cursor) for call in calls] == [(5, ""), (0, "1"), (0, "2"), (0, "2"), (0, "3")]


def test_a_log_is_followed_as_json_with_whole_characters(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["ReadNodeLog"] = [chunk(b"\xc3", "1"), pb.LogChunk(data=b"\xa4\n", cursor="2", rotated=True), GONE]
    answer = client.get("/nodes/node-1/logs?follow=true", headers={"Accept": "application/json"})
    assert answer.content_type == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["data"] for line in lines] == ["", "ä\n"]
    assert lines[1] == {"data": "ä\n", "cursor": "2", "rotated": True, **ALL_OF_IT}


def test_no_lines_of_the_tail_are_none(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["ReadNodeLog"] = chunk(b"the last line\n", "end")
    assert client.get("/nodes/node-1/logs?tail=0").json == {"data": "", "cursor": "end", "rotated": False, **ALL_OF_IT}


def test_a_log_that_is_not_there_is_a_problem_and_not_a_stream(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["ReadNodeLog"] = GONE
    assert client.get("/nodes/node-1/logs?follow=true").status_code == 404


def test_a_follower_ends_with_its_worker(app: Flask, client: FlaskClient, master: FakeMaster) -> None:
    services_of(app).long_requests.is_worker_ending = lambda: True
    master.answers["ReadNodeLog"] = chunk(b"again\n")
    assert client.get("/nodes/node-1/logs?follow=true").text == "again\n"


@pytest.mark.usefixtures("busy", "registry")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nodes/node-1/logs?follow=true"),
        ("GET", "/events?wait_seconds=5"),
        ("POST", "/nodes?wait=running"),
        ("POST", "/nodes/node-1/restart?wait=running"),
        ("POST", "/agents/agent-1/drain?stop_nodes=true"),
    ],
)
def test_one_too_many_is_told_at_once_and_changes_nothing(
    client: FlaskClient, master: FakeMaster, method: str, path: str
) -> None:
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.get_json(force=True)["reason"]) == (429, "overloaded")
    assert answer.headers["Retry-After"]
    assert master.calls == {}
    assert client.get("/nodes").status_code == 200


def test_who_has_ended_makes_room(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["ReadNodeLog"] = [chunk(b"x\n"), GONE]
    for _ in range(5):
        with client.get("/nodes/node-1/logs?follow=true") as answer:
            assert answer.status_code in {200, 404}


def test_a_slot_that_is_given_back_twice_is_one_slot() -> None:
    long = LongRequests(threads=2)
    first = long.acquire()
    first.release()
    first.release()
    with long.acquire(), pytest.raises(ResourceExhausted):
        long.acquire()


def test_the_next_event_is_waited_for(client: FlaskClient, registry: Registry) -> None:
    seen = client.get("/events").json["last_event_id"]
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(client.get(f"/events?after_event_id={seen}&wait_seconds=20&kind=agent").json),
        name="waits for an event",
    )
    waiting.start()
    registry.write_observations(Observations(events=[an_event("node.spawned", at_ms=8_000)]))
    registry.write_observations(Observations(events=[an_event("agent.offline", at_ms=9_000)]))
    eventually(lambda: bool(answers), 10)
    waiting.join()
    assert [event["kind"] for event in answers[0]["events"]] == ["agent.offline"]


@pytest.mark.usefixtures("registry")
def test_a_wait_without_an_event_answers_none(client: FlaskClient) -> None:
    seen = client.get("/events").json["last_event_id"]
    assert client.get(f"/events?after_event_id={seen}&wait_seconds=1").json == {"events": [], "last_event_id": seen}


def test_samples_are_read_through_the_master(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["ListNodeSamples"] = pb.NodeSampleList(samples=[pb.NodeSample(at_ms=1, rss_bytes=2)])
    [sample] = client.get("/nodes/node-1/samples").json["samples"]
    assert (sample["at_ms"], sample["rss_bytes"]) == (1, 2)
    assert master.calls["ListNodeSamples"] == [pb.NodeId(node_id="node-1")]


def test_of_a_server_without_a_socket_to_look_at_nobody_is_taken_for_gone() -> None:
    assert not is_client_gone({})
