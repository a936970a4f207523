"""Waiting for a condition with a deadline."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.02


def eventually(check: Callable[[], T], timeout_seconds: float = 10.0, message: str = "") -> T:
    """Call ``check`` until it returns something true, and return that.

    Raises ``AssertionError`` with ``message`` and the last answer when the deadline passes.
    """
    never = threading.Event()
    deadline = time.monotonic() + timeout_seconds
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(f"{message or 'condition'} not met in {timeout_seconds} s; last answer: {answer!r}")
        never.wait(POLL_SECONDS)


def throughout(check: Callable[[], bool], seconds: float, message: str) -> None:
    """Call ``check`` for ``seconds``; raises ``AssertionError`` with ``message`` when it is not true."""
    never = threading.Event()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert check(), message
        never.wait(POLL_SECONDS)
