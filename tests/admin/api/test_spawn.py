"""``POST /nodes``: one node or several, and waiting until it is well."""

import itertools
from typing import Any

import pytest
from flask.testing import FlaskClient
from support.fakes.fake_master import FakeMaster
from support.texts import mentions

from sutra_grid.core.errors import AlreadyExists, FailedPrecondition, ResourceExhausted
from sutra_grid.core.types import Reason
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.errors import error_detail

FULL = ResourceExhausted("agent-1 runs 10 of 10 nodes", reason=Reason.SLOTS_FULL)


def node(**fields: Any) -> pb.NodeStatus:
    usual = {"node_id": "node-1", "status": "running", "health": "healthy", "desired": "running"}
    return pb.NodeStatus(**{**usual, **fields})


class Slots:
    """A master that has room for so many nodes, and keeps the answer of each idempotency key."""

    def __init__(self, room: int) -> None:
        self._free = itertools.count(1)
        self._room = room
        self.made: dict[str, pb.SpawnRequest] = {}

    def spawn(self, request: pb.SpawnRequest) -> pb.SpawnResponse:
        if len(self.made) >= self._room and request.request_id not in self.made:
            return pb.SpawnResponse(success=False, error=error_detail(FULL))
        first = self.made.setdefault(request.request_id or f"none-{next(self._free)}", request)
        if first != request:
            error = AlreadyExists("it was used", reason=Reason.REQUEST_ID_REUSED)
            return pb.SpawnResponse(success=False, error=error_detail(error))
        return pb.SpawnResponse(success=True, node=node(node_id=f"node-of-{request.request_id}"))


def test_several_are_answered_as_a_list(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["SpawnStorageNode"] = Slots(10).spawn
    answer = client.post("/nodes", json={"count": 3, "engine": "redis"})
    assert answer.status_code == 201
    assert len(answer.json["nodes"]) == 3
    assert answer.json["problems"] == []
    assert "Location" not in answer.headers
    assert {(call.engine, call.of_count) for call in master.calls["SpawnStorageNode"]} == {("redis", 3)}


def test_of_several_that_do_not_all_fit_each_that_failed_is_told(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["SpawnStorageNode"] = Slots(2).spawn
    answer = client.post("/nodes", json={"count": 3}, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 207
    assert len(answer.json["nodes"]) == 2
    [problem] = answer.json["problems"]
    assert mentions(answer.json["summary"], "2 of 3 nodes spawned", "1 failed")
    assert (problem["status"], problem["reason"], problem["instance"]) == (409, "slots_full", "/nodes")


def test_when_none_fits_the_reason_is_the_answer(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["SpawnStorageNode"] = Slots(0).spawn
    answer = client.post("/nodes", json={"count": 3})
    assert (answer.status_code, answer.get_json(force=True)["reason"]) == (409, "slots_full")
    assert mentions(answer.get_json(force=True)["detail"], "0 of 3 nodes spawned", "3 failed")


def test_a_retry_of_several_makes_none_twice(client: FlaskClient, master: FakeMaster) -> None:
    slots = Slots(10)
    master.answers["SpawnStorageNode"] = slots.spawn
    first, second = (client.post("/nodes", json={"count": 3}, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert first.json == second.json
    assert set(slots.made) == {"k", "k#2", "k#3"}


@pytest.mark.parametrize("body", [{"count": 4}, {"count": 2}, {}, {"count": 3, "engine": "redis"}])
def test_the_key_of_several_with_another_request_is_refused_and_spawns_none(
    client: FlaskClient, master: FakeMaster, body: dict[str, Any]
) -> None:
    slots = Slots(10)
    master.answers["SpawnStorageNode"] = slots.spawn
    assert client.post("/nodes", json={"count": 3}, headers={"Idempotency-Key": "k"}).status_code == 201
    answer = client.post("/nodes", json=body, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.get_json(force=True)["reason"]) == (422, "request_id_reused")
    assert len(slots.made) == 3


@pytest.mark.parametrize("field", [{"port": 50051}, {"storage_path": "/data/x"}])
def test_several_have_no_port_and_no_path_in_common(
    client: FlaskClient, master: FakeMaster, field: dict[str, Any]
) -> None:
    answer = client.post("/nodes", json={"count": 2, **field})
    assert answer.status_code == 400
    assert mentions(answer.get_json(force=True)["detail"], "count", *field)
    assert master.calls == {}


def test_waiting_answers_when_the_node_is_healthy(client: FlaskClient, master: FakeMaster) -> None:
    unwell = node(health="unhealthy")
    master.answers["SpawnStorageNode"] = pb.SpawnResponse(success=True, node=unwell)
    master.answers["GetStorageNodeStatus"] = [unwell, node()]
    answer = client.post("/nodes?wait=running&timeout=10", json={})
    assert (answer.status_code, answer.json["health"]) == (201, "healthy")
    assert len(master.calls["GetStorageNodeStatus"]) == 2


def test_a_wait_that_is_over_says_how_the_node_is(client: FlaskClient, master: FakeMaster) -> None:
    starting = node(status="starting")
    master.answers["RestartStorageNode"] = pb.NodeResult(success=True, node=starting)
    master.answers["GetStorageNodeStatus"] = starting
    answer = client.post("/nodes/node-1/restart?wait=running&timeout=1")
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["reason"]) == (504, "timed_out")
    assert mentions(problem["detail"], "node-1", "starting")
    assert mentions(problem["hint"], "GET /nodes/node-1")


def test_a_wait_for_what_will_not_come_ends_at_once(client: FlaskClient, master: FakeMaster) -> None:
    failed = node(status="failed", reason="crash_loop", message="it crashes", log_tail=["no such table"])
    master.answers["StartStorageNode"] = pb.NodeResult(success=True, node=failed)
    answer = client.post("/nodes/node-1/start?wait=running&timeout=30")
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["reason"]) == (409, "crash_loop")
    assert mentions(problem["detail"], "node-1", "failed", "running", "crash_loop", "it crashes")
    assert "no such table" in problem["detail"]


def test_the_timeout_is_that_of_the_command_too(client: FlaskClient, master: FakeMaster) -> None:
    error = FailedPrecondition("never asked")
    master.answers["StopStorageNode"] = error
    assert client.post("/nodes/node-1/stop?timeout=601").status_code == 400
    assert client.post("/nodes/node-1/stop?wait=running").status_code == 400
    assert client.post("/nodes/node-1/stop?timeout=1").status_code == 409
