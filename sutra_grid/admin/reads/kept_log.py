"""Searches and downloads all that is kept of a node's log. Both need a request context and a thread slot."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from flask import Response, request

from sutra_grid.admin.http.long_requests import is_client_gone
from sutra_grid.admin.http.responses import stream_response
from sutra_grid.admin.reads.log_search import MAX_SECONDS, Found, search
from sutra_grid.admin.services import clock, long_requests, master
from sutra_grid.client.kept_log import BEGINNING, kept_chunks
from sutra_grid.core.errors import GridError
from sutra_grid.runtime.logging import get_logger
from sutra_grid.wire import grid_pb2 as pb

log = get_logger(__name__)

TEXT: Final = "text/plain; charset=utf-8"
_GAP: Final = b"(some lines are missing: the log was rotated or truncated meanwhile)\n"


def search_log(node_id: str, text: str, *, cursor: str, max_lines: int, max_characters: int) -> Found:
    """The last lines that have ``text``. Raises ``GridError``, ``ResourceExhausted`` when no thread is free."""
    long, environ = long_requests(), request.environ
    with long.acquire():
        chunks = kept_chunks(
            master(),
            node_id,
            cursor or BEGINNING,
            lambda: long.is_worker_ending() or is_client_gone(environ),
            MAX_SECONDS,
        )
        return search(chunks, text, max_lines=max_lines, max_characters=max_characters)


def download_log(node_id: str) -> Response:
    """All that is kept of a log as an attachment. A fault while it is sent breaks the connection off.

    So a file that is not complete never looks complete to a browser. Raises ``GridError`` for the first chunk.
    """
    long, environ = long_requests(), request.environ
    client = master()
    slot = long.acquire()
    try:
        chunks = kept_chunks(client, node_id, is_over=lambda: long.is_worker_ending() or is_client_gone(environ))
        first = next(chunks)
    except BaseException:
        slot.release()
        raise
    response = stream_response(_pieces(node_id, first, chunks), slot, TEXT)
    at = datetime.fromtimestamp(clock().wall(), UTC)
    name = quote(f"{node_id}-{at:%Y%m%dT%H%M%SZ}.log", safe="")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response


def _pieces(node_id: str, first: pb.LogChunk, rest: Iterable[pb.LogChunk]) -> Iterator[bytes]:
    last = first
    try:
        yield first.data
        for last in rest:
            yield _GAP + last.data if last.rotated else last.data
    except GridError as error:
        log.warning("download of a log broken off", node=node_id, error=error.message)
        raise _broken_off() from error
    if last.more:
        raise _broken_off()


def _broken_off() -> ConnectionResetError:
    """gunicorn closes the connection for it, without the end that a complete response has."""
    return ConnectionResetError(errno.ECONNRESET, "the download was broken off before the log's end")
