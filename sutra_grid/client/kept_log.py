"""Reads all that an agent keeps of a node's log, with the rotated parts, chunk by chunk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from sutra_grid.client.master_client import MasterClient
from sutra_grid.wire import grid_pb2 as pb

#: The cursor of the first byte that an agent keeps.
BEGINNING: Final = "0"
CHUNK_BYTES: Final = 512 * 1024
MAX_SECONDS: Final = 3600.0


def kept_chunks(
    client: MasterClient,
    node_id: str,
    cursor: str = BEGINNING,
    is_over: Callable[[], bool] = lambda: False,
    max_seconds: float = MAX_SECONDS,
) -> Iterator[pb.LogChunk]:
    """Yield the chunks from ``cursor`` to the end of the log. One chunk is in memory at a time.

    Ends early when ``is_over`` or after ``max_seconds``: a node may write faster than its log is read. Then the last
    chunk has ``more``. Raises ``GridError``.
    """
    deadline = time.monotonic() + max_seconds
    while True:
        chunk = client.read_node_log(pb.LogRequest(node_id=node_id, cursor=cursor, max_bytes=CHUNK_BYTES))
        if len(chunk.data) >= CHUNK_BYTES // 2:
            chunk.more = True  # an agent of 0.1.0 does not tell it
        if cursor == BEGINNING and chunk.rotated:
            chunk.rotated = False  # nothing was asked for that is gone
        yield chunk
        if not chunk.more or is_over() or time.monotonic() >= deadline:
            return
        cursor = chunk.cursor
