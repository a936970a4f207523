"""The id of the request that is being worked on, so that the log lines of all daemons that it passed carry it.

Kept in a context variable: each thread has its own, and work that is handed to another
thread takes it along in a copied context (``contextvars.copy_context``).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

MAX_CHARACTERS: Final = 128

_current: ContextVar[str] = ContextVar("request_id", default="")


def current() -> str:
    """The id of the request that this thread works on; empty when it works on none."""
    return _current.get()


@contextmanager
def bound(request_id: str) -> Iterator[None]:
    """Everything logged within belongs to that request. What is no id (see ``is_id``) binds nothing."""
    token = _current.set(request_id if is_id(request_id) else "")
    try:
        yield
    finally:
        _current.reset(token)


def bind(request_id: str) -> None:
    """The same from now on, until this thread binds another: for a server whose threads take one request after another.

    So what is written after the answer, such as the access log or a body that is sent in pieces, belongs to it as well.
    """
    _current.set(request_id if is_id(request_id) else "")


def is_id(text: str) -> bool:
    """Whether a client's word may stand in log lines: 1 to 128 visible ASCII characters."""
    return 0 < len(text) <= MAX_CHARACTERS and text.isascii() and text.isprintable() and " " not in text


def fresh() -> str:
    """An id that nobody used: 32 hexadecimal digits."""
    return uuid.uuid4().hex
