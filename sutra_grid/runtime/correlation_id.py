"""The correlation id of the request that a thread works on. It connects the log lines of all daemons about it.

It is not an idempotency key, which makes a retry safe. It is kept in a context variable, so each thread
has its own. Work for another thread takes it along in a copied context (``contextvars.copy_context``).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

MAX_CHARACTERS: Final = 128

_current: ContextVar[str] = ContextVar("correlation_id", default="")


def current() -> str:
    """The correlation id of this thread; empty when it works on no request."""
    return _current.get()


@contextmanager
def bound(text: str) -> Iterator[None]:
    """Log lines within the block carry the correlation id ``text``; none if it is invalid (see ``is_valid``)."""
    token = _current.set(text if is_valid(text) else "")
    try:
        yield
    finally:
        _current.reset(token)


def bind(text: str) -> None:
    """Bind ``text`` until this thread binds another id: for servers whose threads take one request after another.

    Lines that are written after the answer, such as the access log or a streamed body, carry it as well.
    """
    _current.set(text if is_valid(text) else "")


def is_valid(text: str) -> bool:
    """Whether a client's text may stand in log lines: 1 to 128 visible ASCII characters."""
    return 0 < len(text) <= MAX_CHARACTERS and text.isascii() and text.isprintable() and " " not in text


def generate() -> str:
    """A new correlation id: 32 hexadecimal digits."""
    return uuid.uuid4().hex
