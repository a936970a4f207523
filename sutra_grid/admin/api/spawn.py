"""``POST /nodes``: spawn one node or several."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from flask import Response, request, url_for

from sutra_grid.admin.api.message_response import message_response
from sutra_grid.admin.commands.readiness import thread_slot_for
from sutra_grid.admin.commands.spawn import spawn_many, spawn_one
from sutra_grid.admin.http.operations import COMMAND_PROBLEMS, Operations, ResponseSpec
from sutra_grid.admin.http.problems import problem_document
from sutra_grid.admin.http.proxies import at_root
from sutra_grid.admin.http.request_parser import invalid_request
from sutra_grid.admin.http.responses import json_response
from sutra_grid.admin.http.schemas import KEY_HEADER
from sutra_grid.admin.schemas.requests import RunQuery, Spawn
from sutra_grid.admin.schemas.responses import NodeStatus, SpawnResultsSchema
from sutra_grid.admin.services import master
from sutra_grid.client.error_groups import summary_of
from sutra_grid.core.errors import GridError
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import to_json

blueprint = Operations("spawning", __name__, url_prefix="/nodes", description="Spawning nodes")

LOCATION: Final = {"description": "Path of the node; absent with count", "schema": {"type": "string"}}


@blueprint.operation(
    "POST",
    "",
    ResponseSpec(
        {"anyOf": [NodeStatus, SpawnResultsSchema]},
        "The node, or with `count` the nodes. Their processes run",
        status=HTTPStatus.CREATED,
        headers={"Location": LOCATION},
    ),
    ResponseSpec(SpawnResultsSchema, "Only some of the nodes run", status=HTTPStatus.MULTI_STATUS),
    query=RunQuery,
    body=Spawn,
    takes_key=True,
    problems=COMMAND_PROBLEMS,
)
def spawn_nodes(query: dict[str, Any], body: dict[str, Any], key: str) -> Response:
    """Spawn a node, or `count` identical nodes, and respond when their processes run.

    After an error the agent has no process of the node, or the message says what is still to be done. An error
    during `wait=running` names the node, which stays. With `count` and an idempotency key, each node has a key
    derived from yours: sending the same request again spawns only the missing nodes.
    """
    key = _idempotency_key(key, body.pop("request_id", ""))
    count: int | None = body.pop("count", None)
    client = master()
    with thread_slot_for(query):
        if count is not None:
            return _many_response(spawn_many(client, body, key, count, query))
        node = spawn_one(client, pb.SpawnRequest(request_id=key, **body), query)
        return message_response(node, HTTPStatus.CREATED, Location=url_for("nodes.show_node", node_id=node.node_id))


def _idempotency_key(from_header: str, from_body: str) -> str:
    """The idempotency key from the header or the body. Raises ``InvalidArgument`` when they differ."""
    if from_header and from_body and from_header != from_body:
        raise invalid_request([f"{KEY_HEADER} and request_id differ"], hint="Send only one of them")
    return from_header or from_body


def _many_response(results: list[pb.NodeStatus | GridError]) -> Response:
    """201 when all nodes run, 207 when some do. Raises one error for all when none does."""
    nodes = [to_json(result) for result in results if not isinstance(result, GridError)]
    errors = [result for result in results if isinstance(result, GridError)]
    failures = [(f"node {number}", error) for number, error in enumerate(errors, 1)]
    summary = f"{len(nodes)} of {len(results)} nodes spawned"
    if failures:
        error = summary_of(failures, len(results), "nodes", "spawned")
        if not nodes:
            raise error
        summary = error.message
    problems = [problem_document(error, at_root(request.path)) for error in errors]
    status = HTTPStatus.MULTI_STATUS if problems else HTTPStatus.CREATED
    return json_response({"nodes": nodes, "problems": problems, "summary": summary}, status)
