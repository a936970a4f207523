"""The end of a log as text."""

from __future__ import annotations

from typing import NamedTuple


class LogText(NamedTuple):
    """``placeholder`` is shown when there is no text."""

    text: str
    placeholder: str


def log_text(data: bytes) -> LogText:
    """The lines of ``data``, with control characters replaced."""
    lines = data.decode("utf-8", "replace").splitlines()
    text = "\n".join(
        "".join(char if char.isprintable() or char == "\t" else "\ufffd" for char in line) for line in lines
    )
    return LogText(text, "" if text else "The log is empty.")
