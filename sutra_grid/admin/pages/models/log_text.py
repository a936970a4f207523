"""The end of a log as text, and the lines that a search found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sutra_grid.admin.reads.log_search import Found, text_pattern
from sutra_grid.core.size import size
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
    text = "\n".join(map(_shown, lines))
    notes = [printable(chunk.note)] if chunk.note else []
    if chunk.rotated:
        notes.append("Lines before these are missing: the log was rotated or truncated.")
    if chunk.omitted_lines:
        notes.append(
            f"{chunk.omitted_lines} of the last {tail_lines} lines do not fit on this page. All of them: "
            f"sutra-grid-cli nodes logs {node_id} --tail {tail_lines}"
        )
    return LogText(text, "" if text else "The log is empty.", tuple(notes))


class SearchResult(NamedTuple):
    """``lines`` are parts of text, each with whether it matches. ``cursor`` is where to search on, if there is more."""

    text: str
    headline: str
    fault: str = ""
    lines: Sequence[Sequence[tuple[str, bool]]] = ()
    notes: tuple[str, ...] = ()
    cursor: str = ""


def search_result(text: str, found: Found, *, is_continued: bool) -> SearchResult:
    """The lines with the matches marked, and what was searched."""
    count = f"{found.matches} line{'' if found.matches == 1 else 's'}"
    where = "this part of the log" if found.cursor or is_continued else "the kept log"
    shown = f", the last {len(found.lines)} are shown" if found.matches > len(found.lines) else ""
    notes = [printable(found.note)] if found.note else []
    if found.gap:
        notes.append("Some lines were lost by rotation or truncation. They were not searched.")
    if found.cursor:
        notes.append("The search reached its limit. Later lines were not searched yet.")
    pattern = text_pattern(text)
    return SearchResult(
        text,
        f"{count} in {size(found.searched_bytes)} of {where}{shown}",
        lines=[list(_parts(pattern, _shown(line))) for line in found.lines],
        notes=tuple(notes),
        cursor=found.cursor,
    )


def _parts(pattern: re.Pattern[str], line: str) -> Iterator[tuple[str, bool]]:
    at = 0
    for match in pattern.finditer(line):
        if match.start() > at:
            yield line[at : match.start()], False
        yield match.group(), True
        at = match.end()
    if at < len(line):
        yield line[at:], False


def _shown(line: str) -> str:
    """A line with its control characters replaced."""
    return "".join(char if char.isprintable() or char == "\t" else "\ufffd" for char in line)
