"""Makes texts from outside safe to show."""

from __future__ import annotations


def printable(text: str) -> str:
    """``text`` in one line and without control characters, so that it can't move the cursor of a terminal."""
    return "".join(char if char.isprintable() else " " if char in "\t\n\r" else "\ufffd" for char in text)
