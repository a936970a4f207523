"""``/nodes/ID/logs``: what a node wrote, read through the master from its agent."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from sutra_grid.admin.answering import answer_json
from sutra_grid.admin.links import master
from sutra_grid.admin.operations import MASTER_PROBLEMS, Answer, Operations
from sutra_grid.admin.schemas.answers import LogChunk
from sutra_grid.admin.schemas.requests import LogQuery
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import to_json

blueprint = Operations("logs", __name__, url_prefix="/nodes", description="What nodes wrote")

DEFAULT_LINES = 100
TEXT = "text/plain; charset=utf-8"


@blueprint.operation(
    "GET",
    "/<node_id>/logs",
    Answer(LogChunk, "The lines, and the cursor to go on with"),
    Answer({"type": "string"}, "The lines alone, for who accepts text/plain", content_type="text/plain"),
    query=LogQuery,
    problems=MASTER_PROBLEMS,
)
def show_logs(node_id: str, query: dict[str, Any]) -> Response:
    """Read a node's log, from so many lines before its end, or from a cursor."""
    if "cursor" not in query:
        query.setdefault("tail_lines", DEFAULT_LINES)
    chunk = master().read("ReadNodeLog", pb.LogRequest(node_id=node_id, **query), pb.LogChunk)
    text = chunk.data.decode("utf-8", "replace")
    if request.accept_mimetypes.best_match(["application/json", "text/plain"]) == "text/plain":
        return Response(text, content_type=TEXT)
    return answer_json({**to_json(chunk), "data": text})
