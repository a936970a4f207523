"""A log's end as text for a page."""

from __future__ import annotations

from typing import NamedTuple


class LogText(NamedTuple):
    """``why_not`` says why there is no text."""

    text: str
    why_not: str


def log_text(data: bytes) -> LogText:
    """Whole lines of ``data`` without control characters, which would only be boxes."""
    lines = data.decode("utf-8", "replace").splitlines()
    text = "\n".join(
        "".join(char if char.isprintable() or char == "\t" else "\ufffd" for char in line) for line in lines
    )
    return LogText(text, "" if text else "It is empty.")
