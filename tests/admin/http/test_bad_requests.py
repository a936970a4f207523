"""Every refusal is a problem document that names the thing and what to do."""

import sqlite3
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gunicorn.http.errors import InvalidChunkSize
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fakes.fake_master import FakeMaster
from support.texts import mentions

from sutra_grid.admin.app import MAX_BODY_BYTES
from sutra_grid.admin.http.problems import STATUSES, TITLES
from sutra_grid.core.access.route_rules import ROUTE_RULES
from sutra_grid.core.errors import GridError
from sutra_grid.registry import Registry

MEMBERS = ["type", "title", "status", "detail", "code", "reason", "hint", "instance"]


def problem_of(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    problem: dict[str, Any] = answer.get_json(force=True)
    assert list(problem) == MEMBERS
    assert problem["status"] == status
    assert problem["detail"]
    assert problem["title"]
    return problem


def test_every_code_has_a_status_and_a_title() -> None:
    assert set(STATUSES) == set(GridError.__subclasses__())
    assert set(TITLES) == {cls.code for cls in STATUSES}


def test_an_unknown_place_is_not_found(client: FlaskClient) -> None:
    problem = problem_of(client.get("/nodse"), 404)
    assert (problem["code"], problem["instance"]) == ("not_found", "/nodse")
    assert "/nodse" in problem["detail"]
    assert problem["title"] == TITLES["not_found"], "as that of an unknown node"


def test_a_wrong_method_names_the_right_ones(client: FlaskClient) -> None:
    answer = client.put("/nodes")
    problem_of(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/nodes/node-9", "unknown_node"), ("/agents/agent-9", "unknown_agent"), ("/nodes/%00", "unknown_node")],
)
@pytest.mark.usefixtures("registry")
def test_an_unknown_id_is_named(client: FlaskClient, path: str, reason: str) -> None:
    problem = problem_of(client.get(path), 404)
    assert problem["reason"] == reason
    assert problem["hint"]


def test_a_removed_node_is_told_from_an_unknown_one(client: FlaskClient, registry: Registry) -> None:
    registry.remove_node("node-00000001")
    assert problem_of(client.get("/nodes/node-00000001"), 404)["reason"] == "node_removed"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"prot": 1}, ['"prot"', "port"]),
        ({"port": "50051"}, ["port", "integer", 0, 65535, '"50051"']),
        ({"port": 65_536}, ["port", "integer", 0, 65535, 65536]),
        ({"port": -1}, ["port", "-1"]),
        ({"port": 1.5}, ["port", 1.5]),
        ({"port": True}, ["port", "true"]),
        ({"port": None}, ["port", "null"]),
        ({"memory_limit_mb": 2**64}, ["memory_limit_mb", "integer"]),
        ({"engine": ["redis"]}, ["engine", "string", '["redis"]']),
        ({"storage_path": "a\x00b"}, ["storage_path", "control characters"]),
        ({"storage_path": "a\nb"}, ["storage_path", "control characters"]),
        ({"storage_path": "x" * 5000}, ["storage_path", 4096, 5000]),
        ({"agent_id": 1, "prot": 2, "port": "x"}, ["agent_id", "string", 1, '"prot"', '"x"']),
    ],
)
def test_each_fault_of_a_spawn_is_named(
    client: FlaskClient, master: FakeMaster, body: dict[str, Any], named: list[object]
) -> None:
    problem = problem_of(client.post("/nodes", json=body), 400)
    assert mentions(problem["detail"], *named)
    assert (problem["code"], problem["reason"]) == ("invalid_argument", "invalid_argument")
    assert "agent_id, storage_path, memory_limit_mb, port, engine" in problem["hint"]
    assert master.calls == {}


class BrokenChunks(BytesIO):
    """What gunicorn hands the application when a body's chunks are broken: the fault shows in the reading."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise InvalidChunkSize(b"zz")

    def readinto(self, buffer: object, /) -> int:
        raise InvalidChunkSize(b"zz")


def test_a_body_in_broken_chunks_is_refused(client: FlaskClient) -> None:
    answer = client.post("/nodes", input_stream=BrokenChunks(b"zz\r\n"), content_type="application/json")
    assert mentions(problem_of(answer, 400)["detail"], "body", "Invalid chunk size")


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"{", ["body", "JSON"]),
        (b"[]", ["body", "JSON object", "[]"]),
        (b'"x"', ["body", "JSON object"]),
        (b"\xff\xfe", ["body", "JSON"]),
        (b'{"port": 1, "port": 2}', ["port", "more than once"]),
        (b'{"port": ' + b"[" * 5_000, ["body"]),
        (b'{"agent_id": "\\ud800"}', ["Unicode"]),
        (b'{"port": ' + b"9" * 5_000 + b"}", ["body", "JSON"]),
        (b'{"port": NaN}', ["NaN"]),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(client: FlaskClient, data: bytes, named: list[str]) -> None:
    problem = problem_of(client.post("/nodes", data=data, content_type="application/json"), 400)
    assert mentions(problem["detail"], *named)


def test_a_body_of_another_type_is_refused(client: FlaskClient) -> None:
    problem = problem_of(client.post("/nodes", data={"port": "1"}), 415)
    assert "application/x-www-form-urlencoded" in problem["detail"]
    assert "application/json" in problem["hint"]


def test_a_body_that_is_too_large_is_refused(client: FlaskClient) -> None:
    problem_of(client.post("/nodes", data=b" " * (MAX_BODY_BYTES + 1), content_type="application/json"), 413)


@pytest.mark.parametrize("path", ["/nodes/n/stop", "/agents/a/drain"])
def test_a_command_without_parameters_takes_none(client: FlaskClient, master: FakeMaster, path: str) -> None:
    assert mentions(problem_of(client.post(path, json={"force": True}), 400)["detail"], "field", "force")
    assert mentions(problem_of(client.post(f"{path}?force=1"), 400)["detail"], "query parameter", "force")
    assert master.calls == {}


@pytest.mark.parametrize("key", ["k" * 101, "schlüssel", "a\tb"])
def test_an_idempotency_key_is_short_and_plain(client: FlaskClient, master: FakeMaster, key: str) -> None:
    answer = client.post("/nodes", json={}, headers={"Idempotency-Key": key})
    assert "Idempotency-Key" in problem_of(answer, 400)["detail"]
    assert master.calls == {}


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/nodes?stauts=running", ["query parameter", '"stauts"', "status"]),
        ("/nodes?stauts=", ["query parameter", '"stauts"']),
        (
            "/nodes?status=",
            ["starting, back-off, running, unhealthy, stopping, stopped, failed, unknown", '""'],
        ),
        ("/nodes?agent_id=", ["agent_id", "empty"]),
        ("/events?limit=", ["limit", "integer", 1, 1000, '""']),
        ("/nodes?status=runing", ["status", '"runing"', "did you mean running"]),
        ("/nodes?status=running&status=failed", ["status", 2]),
        ("/agents?status=dead", ["status", "healthy, degraded, offline", '"dead"']),
        ("/events?limit=0", ["limit", "integer", 1, 1000, 0]),
        ("/events?limit=1001", ["limit", "integer", 1, 1000, 1001]),
        ("/events?limit=ten", ["limit", '"ten"']),
        ("/events?after_event_id=-1", ["after_event_id", "integer"]),
        ("/events?after_event_id=9999999999999999999", ["after_event_id", "integer"]),
        ("/events?after_event_id=%D9%A1", ["after_event_id", "integer"]),
        ("/nodes/n/logs?tail=x", ["tail", "integer"]),
        ("/status?x=1", ["query parameter", '"x"']),
    ],
)
@pytest.mark.usefixtures("registry")
def test_a_wrong_query_is_named(client: FlaskClient, path: str, named: list[object]) -> None:
    assert mentions(problem_of(client.get(path), 400)["detail"], *named)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    )
)
def test_no_json_at_all_makes_the_admin_fail(client: FlaskClient, body: Any) -> None:
    # The fake master has no answer for a spawn: 501 is how a right body comes out.
    assert client.post("/nodes", json=body).status_code in {400, 501}


def test_before_there_is_a_registry_reads_answer_why(client: FlaskClient) -> None:
    for path in ("/status", "/agents", "/nodes", "/nodes/x", "/events"):
        problem = problem_of(client.get(path), 503)
        assert problem["reason"] == "registry_unavailable"
        assert mentions(problem["hint"], "master")
    assert client.get("/livez").status_code == 200
    ready = client.get("/readyz")
    assert (ready.status_code, ready.get_json()["status"]) == (503, "unavailable")


def test_a_locked_registry_is_still_read_and_a_missing_one_is_a_problem(
    client: FlaskClient, registry: Registry, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "registry.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert client.get("/nodes").status_code == 200
    other.close()
    (tmp_path / "registry.db").unlink()
    assert problem_of(client.get("/nodes"), 503)["reason"] == "registry_unavailable"


def test_a_fault_of_the_program_shows_nothing_of_it(
    app: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ROUTE_RULES, "GET /fault", ROUTE_RULES["GET /"])

    @app.get("/fault")
    def fail() -> str:
        raise RuntimeError("secret of the inside")

    problem = problem_of(app.test_client().get("/fault"), 500)
    assert problem["code"] == "internal"
    assert "secret" not in str(problem)
    assert "secret of the inside" in caplog.text
