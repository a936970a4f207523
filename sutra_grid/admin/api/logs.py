"""``/nodes/ID/logs``: a node's log, read from its agent through the master."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from flask import Response, request

from sutra_grid.admin.http.long_requests import is_client_gone
from sutra_grid.admin.http.operations import MASTER_PROBLEMS, Operations, ResponseSpec
from sutra_grid.admin.http.responses import NDJSON, add_link, json_response, stream_response
from sutra_grid.admin.reads.kept_log import download_log, search_log
from sutra_grid.admin.reads.log_stream import stream_log
from sutra_grid.admin.schemas.requests import MAX_LOG_BYTES, LogQuery
from sutra_grid.admin.schemas.responses import LogChunk
from sutra_grid.admin.services import long_requests, master
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import to_json

blueprint = Operations("logs", __name__, url_prefix="/nodes", description="Logs of nodes")

DEFAULT_LINES: Final = 100
TEXT: Final = "text/plain; charset=utf-8"
JSON_TYPES: Final = ("application/json", NDJSON)
AS_TEXT: Final = {"type": "string"}


@blueprint.operation(
    "GET",
    "/<node_id>/logs",
    ResponseSpec(LogChunk, "The lines, and the cursor to continue from"),
    ResponseSpec(
        AS_TEXT,
        "The lines only, with `Accept: text/plain`, `follow=true` or `download=true`",
        content_type="text/plain",
    ),
    ResponseSpec(
        AS_TEXT, "With `follow=true` and `Accept: application/json`: one LogChunk per line", content_type=NDJSON
    ),
    query=LogQuery,
    problems=MASTER_PROBLEMS,
)
def show_logs(node_id: str, query: dict[str, Any]) -> Response:
    """Read a node's log from a number of lines before its end, or from a cursor; `follow=true` follows it.

    Characters are whole. `more` says that there is more after `data`. `omitted_lines` of the tail did not fit into
    `max_bytes`: read on from `omitted_cursor` to get them all. Headers `Link` (`next`, `prev`) and
    `X-Log-Omitted-Lines` say the same.

    `grep` searches, and `download=true` returns a file, in all that the agent keeps, with the rotated parts.

    Half of a worker's threads may wait, follow, search or download; further requests are answered with 429.
    """
    if query.pop("download", False):
        return download_log(node_id)
    if query.pop("follow", False):
        return _follow(node_id, query)
    chunk = _search(node_id, query) if "grep" in query else _read(node_id, query)
    text = chunk.data.decode("utf-8", "replace")
    if request.accept_mimetypes.best_match(["application/json", "text/plain"]) == "text/plain":
        return _with_headers(Response(text, content_type=TEXT), chunk)
    return _with_headers(json_response(_as_json(chunk, text)), chunk)


def _read(node_id: str, query: dict[str, Any]) -> pb.LogChunk:
    """The first chunk. With ``tail=0`` it has no lines, only the cursor of the log's end."""
    tail = query.pop("tail", DEFAULT_LINES)
    if "cursor" in query:
        return master().read_node_log(pb.LogRequest(node_id=node_id, **query))
    bytes_wanted = query.pop("max_bytes", 0) or MAX_LOG_BYTES
    # An agent takes 0 lines as its default number of lines.
    request_of_tail = pb.LogRequest(node_id=node_id, tail_lines=max(1, tail), max_bytes=bytes_wanted, **query)
    chunk = master().read_node_log(request_of_tail)
    return chunk if tail else pb.LogChunk(cursor=chunk.cursor)


def _search(node_id: str, query: dict[str, Any]) -> pb.LogChunk:
    """The last matching lines as a chunk."""
    found = search_log(
        node_id,
        query["grep"],
        cursor=query.get("cursor", ""),
        max_lines=query.get("tail", DEFAULT_LINES),
        max_characters=query.get("max_bytes", 0) or MAX_LOG_BYTES,
    )
    return pb.LogChunk(
        data="".join(f"{line}\n" for line in found.lines).encode(),
        cursor=found.end_cursor,
        rotated=found.gap,
        more=bool(found.cursor),
        omitted_lines=found.matches - len(found.lines),
        note=found.note,
    )


def _follow(node_id: str, query: dict[str, Any]) -> Response:
    long = long_requests()
    environ = request.environ
    wants_json = request.accept_mimetypes.best_match(["text/plain", "application/json", NDJSON]) in JSON_TYPES
    slot = long.acquire()
    try:
        first = _read(node_id, query)
        if first.omitted_lines:  # a follower gets the whole tail, in several chunks
            first = master().read_node_log(pb.LogRequest(node_id=node_id, cursor=first.omitted_cursor))
    except BaseException:
        slot.release()
        raise
    chunks = stream_log(master(), node_id, first, lambda: long.is_worker_ending() or is_client_gone(environ))
    return stream_response(_lines(chunks), slot, NDJSON) if wants_json else stream_response(_texts(chunks), slot, TEXT)


def _texts(chunks: Iterable[pb.LogChunk]) -> Iterator[str]:
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    return (decode(chunk.data) for chunk in chunks)


def _lines(chunks: Iterable[pb.LogChunk]) -> Iterator[str]:
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    return (json.dumps(_as_json(chunk, decode(chunk.data))) + "\n" for chunk in chunks)


def _with_headers(response: Response, chunk: pb.LogChunk) -> Response:
    """Say in headers too what a client of ``text/plain`` would not see."""
    if chunk.omitted_lines:
        response.headers["X-Log-Omitted-Lines"] = str(chunk.omitted_lines)
    if chunk.omitted_cursor:
        add_link(response, "prev", tail=None, cursor=chunk.omitted_cursor)
    if chunk.more:
        add_link(response, "next", tail=None, cursor=chunk.cursor)
    return response


def _as_json(chunk: pb.LogChunk, text: str) -> dict[str, Any]:
    return {**to_json(chunk), "data": text}
