"""Texts that fit into a message: valid UTF-8, and not too long."""

from __future__ import annotations


def utf8(text: str) -> str:
    """The text with question marks for what is not UTF-8, such as undecodable bytes of file names and logs."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def shorten(text: str, limit_bytes: int) -> str:
    """The text as UTF-8, cut to ``limit_bytes`` with an ellipsis at the end."""
    encodable = utf8(text)
    data = encodable.encode()
    return encodable if len(data) <= limit_bytes else data[: limit_bytes - 3].decode(errors="ignore") + "…"
