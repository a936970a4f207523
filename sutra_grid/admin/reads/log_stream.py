"""Streams a node's log until the client disconnects or the node is removed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from sutra_grid.client.master_client import MasterClient
from sutra_grid.core.errors import DeadlineExceeded, NotFound, Unavailable
from sutra_grid.wire import grid_pb2 as pb

POLL_SECONDS: Final = 0.5
MAX_SECONDS: Final = 3600.0
CHUNK_BYTES: Final = 256 * 1024


def stream_log(
    client: MasterClient,
    node_id: str,
    first: pb.LogChunk,
    is_over: Callable[[], bool],
    max_seconds: float = MAX_SECONDS,
) -> Iterator[pb.LogChunk]:
    """Yield ``first`` and the chunks after it by polling with the cursor.

    Ends when ``is_over``, when the node is removed, or after ``max_seconds``. Keeps polling while the master or the
    agent is unavailable: the cursor marks the position, so no line is lost.
    """
    never = threading.Event()
    deadline = time.monotonic() + max_seconds
    chunk = first
    while True:
        if chunk.data:
            yield chunk
        else:
            never.wait(POLL_SECONDS)
        if is_over() or time.monotonic() >= deadline:
            return
        try:
            request = pb.LogRequest(node_id=node_id, cursor=chunk.cursor, max_bytes=CHUNK_BYTES)
            chunk = client.read_node_log(request)
        except NotFound:
            return
        except (Unavailable, DeadlineExceeded):
            chunk = pb.LogChunk(cursor=chunk.cursor)
