"""``POST /nodes``: one new node, or several."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, Final

from flask import Response, request, url_for

from sutra_grid.admin.answering import answer, answer_json
from sutra_grid.admin.awaiting import run_and_wait, slot_for
from sutra_grid.admin.links import master
from sutra_grid.admin.master_caller import derived_key
from sutra_grid.admin.master_link import MasterLink
from sutra_grid.admin.operations import COMMAND_PROBLEMS, Answer, Operations
from sutra_grid.admin.parsing import refused
from sutra_grid.admin.problems import problem_document
from sutra_grid.admin.schemas.answers import NodeStatus, SpawnResultsSchema
from sutra_grid.admin.schemas.requests import KEY_HEADER, RunQuery, Spawn
from sutra_grid.client.caller import outcome
from sutra_grid.core.errors import GridError
from sutra_grid.core.types import Reason
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import to_json

blueprint = Operations("spawning", __name__, url_prefix="/nodes", description="New nodes")

SPAWNED_TOGETHER: Final = 8
LOCATION: Final = {"description": "Path of the node; not there with count", "schema": {"type": "string"}}


@blueprint.operation(
    "POST",
    "",
    Answer(
        {"anyOf": [NodeStatus, SpawnResultsSchema]},
        "The node, or with count the nodes; their processes run",
        status=HTTPStatus.CREATED,
        headers={"Location": LOCATION},
    ),
    Answer(SpawnResultsSchema, "Of several only some run", status=HTTPStatus.MULTI_STATUS),
    query=RunQuery,
    body=Spawn,
    takes_key=True,
    problems=COMMAND_PROBLEMS,
)
def spawn_nodes(query: dict[str, Any], body: dict[str, Any], key: str) -> Response:
    """Spawn a node, or with `count` several alike; answers once their processes run.

    An error says that no process is left running; but one that came while `wait=running` waited names the
    node, which stays. With `count` and a key each node has a key of its own, made of it: the same request again
    starts only those that the first one did not.
    """
    key = _one_key(key, body.pop("request_id", ""))
    count: int | None = body.pop("count", None)
    link = master()
    with slot_for(query):
        if count is not None:
            return _answer_many(_spawn_many(link, _alike(body, key, count), query))
        node = _spawn_one(link, pb.SpawnRequest(request_id=key, **body), query)
        return answer(node, HTTPStatus.CREATED, Location=url_for("nodes.show_node", node_id=node.node_id))


def _one_key(of_header: str, of_body: str) -> str:
    """The client's request id: of the header, or of the body."""
    if of_header and of_body and of_header != of_body:
        raise refused([f"{KEY_HEADER} and request_id differ"], hint="Send one of them")
    return of_header or of_body


def _alike(body: dict[str, Any], key: str, count: int) -> list[pb.SpawnRequest]:
    """The requests of several; the first has the client's key itself, so that it counts as used."""
    keys = ["" if not key else key if number == 1 else derived_key(key, str(number)) for number in range(1, count + 1)]
    return [pb.SpawnRequest(request_id=each, of_count=count, **body) for each in keys]


def _spawn_one(link: MasterLink, spawn: pb.SpawnRequest, query: dict[str, Any]) -> pb.NodeStatus:
    def command(timeout_seconds: float | None) -> pb.NodeStatus:
        return outcome(link.command("SpawnStorageNode", spawn, pb.SpawnResponse, timeout_seconds))

    return run_and_wait(link, command, query)


def _spawn_many(
    link: MasterLink, spawns: list[pb.SpawnRequest], query: dict[str, Any]
) -> list[pb.NodeStatus | GridError]:
    """What came of each, in order; after the first some are under way together."""

    def spawn(request: pb.SpawnRequest) -> pb.NodeStatus | GridError:
        try:
            return _spawn_one(link, request, query)
        except GridError as error:
            return error

    first = spawn(spawns[0])
    if isinstance(first, GridError) and first.reason == Reason.REQUEST_ID_REUSED:
        raise first  # the key came with another request before: none of this one's is spawned
    with ThreadPoolExecutor(SPAWNED_TOGETHER, thread_name_prefix="spawn") as pool:
        return [first, *pool.map(spawn, spawns[1:])]


def _answer_many(results: list[pb.NodeStatus | GridError]) -> Response:
    """201: all run. 207: some. When none does, the first reason is the answer."""
    nodes = [to_json(result) for result in results if not isinstance(result, GridError)]
    errors = [result for result in results if isinstance(result, GridError)]
    if not nodes:
        raise errors[0]
    problems = [problem_document(error, request.path) for error in errors]
    status = HTTPStatus.MULTI_STATUS if problems else HTTPStatus.CREATED
    return answer_json({"nodes": nodes, "problems": problems}, status)
