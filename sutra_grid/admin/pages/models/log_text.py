"""The end of a log as text."""

from __future__ import annotations

from typing import NamedTuple

from sutra_grid.core.text import printable
from sutra_grid.wire import grid_pb2 as pb


class LogText(NamedTuple):
    """``placeholder`` is shown when there is no text. ``notes`` say what is unusual or missing."""

    text: str
    placeholder: str
    notes: tuple[str, ...] = ()


def log_text(chunk: pb.LogChunk, node_id: str, tail_lines: int) -> LogText:
    """The lines of a tail of ``tail_lines``, with control characters replaced."""
    lines = chunk.data.decode("utf-8", "replace").splitlines()
    text = "\n".join(
        "".join(char if char.isprintable() or char == "\t" else "\ufffd" for char in line) for line in lines
    )
    notes = [printable(chunk.note)] if chunk.note else []
    if chunk.rotated:
        notes.append("Lines before these are missing: the log was rotated or truncated.")
    if chunk.omitted_lines:
        notes.append(
            f"{chunk.omitted_lines} of the last {tail_lines} lines do not fit on this page. All of them: "
            f"sutra-grid-cli nodes logs {node_id} --tail {tail_lines}"
        )
    return LogText(text, "" if text else "The log is empty.", tuple(notes))
