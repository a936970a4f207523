"""All that an agent keeps of a log is read, with its rotated parts, also from an agent of 0.1.0."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from sutra_grid.agent.logs.store import NodeLogs
from sutra_grid.client import kept_log
from sutra_grid.client.kept_log import kept_chunks
from sutra_grid.client.master_client import MasterClient
from sutra_grid.wire import grid_pb2 as pb


class ReadingClient:
    """Reads the logs of an agent in this process."""

    def __init__(self, logs: NodeLogs) -> None:
        self.logs = logs
        self.tells_more = True

    def read_node_log(self, request: pb.LogRequest) -> pb.LogChunk:
        chunk = self.logs.read(request.node_id, cursor=request.cursor, max_bytes=request.max_bytes)
        more = chunk.more and self.tells_more
        return pb.LogChunk(data=chunk.data, cursor=chunk.cursor, rotated=chunk.rotated, more=more)


@pytest.fixture
def logs(tmp_path: Path) -> NodeLogs:
    """A log of three files, of which one was deleted: it keeps two rotated ones."""
    made = NodeLogs(tmp_path, max_bytes=100, keep_files=2)
    for letter in "abcd":
        with open(tmp_path / "n.log", "ab") as file:
            file.write((letter * 119 + "\n").encode())
        if letter != "d":
            made.look([])
    return made


def kept(client: ReadingClient) -> tuple[bytes, list[pb.LogChunk]]:
    chunks = list(kept_chunks(cast("MasterClient", client), "n"))
    return b"".join(chunk.data for chunk in chunks), chunks


@pytest.mark.parametrize("tells_more", [True, False])
def test_rotated_parts_are_read_too(logs: NodeLogs, tells_more: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_log, "CHUNK_BYTES", 100)
    client = ReadingClient(logs)
    client.tells_more = tells_more
    data, chunks = kept(client)
    assert data == b"".join((letter * 119 + "\n").encode() for letter in "bcd")
    assert len(chunks) >= 4, "a chunk at a time"
    assert not any(chunk.rotated for chunk in chunks), "nothing is lost of what is kept"


def test_it_ends_when_nobody_reads_it_any_more(logs: NodeLogs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_log, "CHUNK_BYTES", 50)
    [chunk] = kept_chunks(cast("MasterClient", ReadingClient(logs)), "n", is_over=lambda: True)
    assert chunk.more, "it says that there is more"
