"""Commands go to the master, with the client's idempotency key, and answer what came of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from support.fakes.fake_master import FakeMaster
from support.texts import mentions

from sutra_grid.admin.app import create_app
from sutra_grid.admin.config import AdminConfig
from sutra_grid.core.errors import AlreadyExists, DeadlineExceeded, NotFound, ResourceExhausted
from sutra_grid.core.types import Reason
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import to_json
from sutra_grid.wire.errors import error_detail

NODE = pb.NodeStatus(node_id="node-00000001", status="running", pid=4711, endpoint="10.0.0.1:50051")

NODE_COMMANDS: list[tuple[str, str, str, Callable[..., Any], Any]] = [
    ("POST", "/nodes/node-00000001/start", "StartStorageNode", pb.NodeCommand, pb.NodeResult),
    ("POST", "/nodes/node-00000001/stop", "StopStorageNode", pb.StopRequest, pb.StopResponse),
    ("POST", "/nodes/node-00000001/restart", "RestartStorageNode", pb.NodeCommand, pb.NodeResult),
    ("DELETE", "/nodes/node-00000001", "RemoveStorageNode", pb.NodeCommand, pb.NodeResult),
]
node_commands = pytest.mark.parametrize(("verb", "path", "method", "request_type", "answer_type"), NODE_COMMANDS)


def test_a_spawn_answers_the_new_node_and_where_it_is(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["SpawnStorageNode"] = pb.SpawnResponse(success=True, node_id=NODE.node_id, node=NODE)
    body = {"agent_id": "agent-1", "storage_path": "/data/x", "memory_limit_mb": 512, "port": 50051, "engine": "redis"}
    answer = client.post("/nodes", json=body, headers={"Idempotency-Key": "key-1"})
    assert (answer.status_code, answer.json) == (201, to_json(NODE))
    assert answer.headers["Location"] == "/nodes/node-00000001"
    assert master.calls["SpawnStorageNode"] == [pb.SpawnRequest(**body, request_id="key-1")]


def test_a_spawn_needs_no_body(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["SpawnStorageNode"] = pb.SpawnResponse(success=True, node=NODE)
    assert client.post("/nodes").status_code == 201
    assert client.post("/nodes", json={}).status_code == 201
    keys = [call.request_id for call in master.calls["SpawnStorageNode"]]
    assert master.calls["SpawnStorageNode"] == [pb.SpawnRequest(request_id=key) for key in keys]
    assert len(set(keys)) == 2, "each request without a key gets one of its own"


def test_a_request_id_may_stand_in_the_body_of_a_spawn(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["SpawnStorageNode"] = pb.SpawnResponse(success=True, node=NODE)
    assert client.post("/nodes", json={"request_id": "r"}).status_code == 201
    assert client.post("/nodes", json={"request_id": "r"}, headers={"Idempotency-Key": "r"}).status_code == 201
    assert client.post("/nodes", json={"request_id": "r"}, headers={"Idempotency-Key": "k"}).status_code == 400
    assert master.calls["SpawnStorageNode"] == [pb.SpawnRequest(request_id="r")] * 2


@node_commands
def test_a_command_answers_the_node_as_it_is_now(
    client: FlaskClient,
    master: FakeMaster,
    verb: str,
    path: str,
    method: str,
    request_type: Callable[..., Any],
    answer_type: Any,
) -> None:
    master.answers[method] = answer_type(success=True, node=NODE)
    answer = client.open(path, method=verb, headers={"Idempotency-Key": "key-1"})
    assert (answer.status_code, answer.json) == (200, to_json(NODE))
    assert master.calls[method] == [request_type(node_id="node-00000001", request_id="key-1")]


@node_commands
def test_a_refused_command_says_why(
    client: FlaskClient,
    master: FakeMaster,
    verb: str,
    path: str,
    method: str,
    request_type: Callable[..., Any],
    answer_type: Any,
) -> None:
    refusal = NotFound("node X does not exist", reason=Reason.UNKNOWN_NODE, hint="Look again")
    master.answers[method] = answer_type(success=False, error_message=refusal.message, error=error_detail(refusal))
    answer = client.open(path, method=verb)
    assert answer.status_code == 404
    problem = answer.get_json(force=True)
    assert (problem["code"], problem["reason"], problem["detail"], problem["hint"]) == (
        "not_found",
        "unknown_node",
        refusal.message,
        refusal.hint,
    )


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (ResourceExhausted("agent-1 runs 10 of 10 nodes", reason=Reason.SLOTS_FULL), 409),
        (ResourceExhausted("too many calls", reason=Reason.OVERLOADED), 429),
        (AlreadyExists("port 50051 is taken by redis", reason=Reason.PORT_TAKEN), 409),
        (AlreadyExists("idempotency key k was used", reason=Reason.REQUEST_ID_REUSED), 422),
        (DeadlineExceeded("agent-1 did not answer", reason=Reason.TIMED_OUT), 504),
    ],
)
def test_a_refused_spawn_has_the_status_of_its_reason(
    client: FlaskClient, master: FakeMaster, refusal: Any, status: int
) -> None:
    for answer in (pb.SpawnResponse(success=False, error=error_detail(refusal)), refusal):
        master.answers["SpawnStorageNode"] = answer
        response = client.post("/nodes", json={})
        assert response.status_code == status
        assert response.get_json(force=True)["reason"] == refusal.reason


def test_a_refusal_of_an_older_master_is_still_told(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["SpawnStorageNode"] = pb.SpawnResponse(success=False, error_message="no room")
    answer = client.post("/nodes", json={})
    assert (answer.status_code, answer.get_json(force=True)["detail"]) == (500, "no room")


@pytest.mark.parametrize(("verb", "method"), [("drain", "DrainAgent"), ("undrain", "UndrainAgent")])
def test_draining_answers_the_agent(client: FlaskClient, master: FakeMaster, verb: str, method: str) -> None:
    record = pb.AgentRecord(agent_id="agent-1", drained=True)
    master.answers[method] = record
    answer = client.post(f"/agents/agent-1/{verb}", headers={"Idempotency-Key": "key-1"})
    assert (answer.status_code, answer.json) == (200, to_json(record))
    assert master.calls[method] == [pb.AgentCommand(agent_id="agent-1", request_id="key-1")]


def test_removing_an_agent_answers_nothing(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["RemoveAgent"] = pb.Empty()
    answer = client.delete("/agents/agent-1")
    assert (answer.status_code, answer.data) == (204, b"")
    [call] = master.calls["RemoveAgent"]
    assert call == pb.AgentCommand(agent_id="agent-1", request_id=call.request_id)
    assert call.request_id
    assert client.delete("/agents/agent-1?force=true").status_code == 204
    assert master.calls["RemoveAgent"][1].force


def test_without_a_master_a_command_says_so_and_works_when_it_is_back(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["DrainAgent"] = pb.AgentRecord(agent_id="agent-1")
    assert client.post("/agents/agent-1/drain").status_code == 200
    master.stop()
    answer = client.post("/agents/agent-1/drain")
    assert answer.status_code == 503
    problem = answer.get_json(force=True)
    assert problem["code"] == "unavailable"
    assert mentions(problem["detail"], "master", master.address)
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_commands_nothing(client: FlaskClient, master: FakeMaster, site: str) -> None:
    for headers in (
        {"Sec-Fetch-Site": site},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ):
        answer = client.post("/nodes/node-00000001/stop", headers=headers)
        assert answer.status_code == 403
        assert answer.get_json(force=True)["code"] == "permission_denied"
    assert master.calls == {}


def test_a_proxy_that_replaces_the_host_header_is_told_what_to_set(config: AdminConfig, master: FakeMaster) -> None:
    client = create_app(replace(config, allowed_hosts=["grid.example"])).test_client()
    headers = {"Origin": "http://grid.example:8080", "Host": "127.0.0.1:7080"}
    answer = client.post("/nodes/node-00000001/stop", headers=headers)
    assert answer.status_code == 403
    problem = answer.get_json(force=True)
    assert mentions(problem["detail"], "http://grid.example:8080", "Origin", "127.0.0.1:7080", "Host")
    assert "another site" not in problem["detail"], "that is not known"
    assert mentions(
        problem["hint"], "proxy_set_header Host $http_host", "ProxyPreserveHost On", "[admin] trusted_proxies"
    )
    master.answers["StopStorageNode"] = pb.StopResponse(success=True, node=NODE)
    headers["Host"] = "grid.example:8080"
    assert client.post("/nodes/node-00000001/stop", headers=headers).status_code == 200


def test_a_refusal_shows_the_beginning_of_a_long_header_only(client: FlaskClient) -> None:
    answer = client.post("/nodes/node-00000001/stop", headers={"Origin": f"http://{'x' * 5000}"})
    assert len(answer.get_json(force=True)["detail"]) < 500


def test_pages_of_the_admin_itself_may_command(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["StopStorageNode"] = pb.StopResponse(success=True, node=NODE)
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}):
        assert client.post("/nodes/node-00000001/stop", headers=headers).status_code == 200
