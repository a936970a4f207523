"""Texts that come from outside, made safe to show."""

from __future__ import annotations


def printable(text: str) -> str:
    """``text`` in one line without control characters: a log line must not move the cursor."""
    return "".join(char if char.isprintable() else " " if char in "\t\n\r" else "\ufffd" for char in text)
