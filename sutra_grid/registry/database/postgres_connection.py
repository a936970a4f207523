"""A connection to PostgreSQL whose waits are bounded.

The kernel of a server that hangs (its disk, its whole host) still acknowledges what is sent. So no TCP timeout ends
the wait, and the server's own statement timeout does not run. Therefore the client has its own limit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.rows import TupleRow
from sqlalchemy import exc


class BoundedConnection(psycopg.Connection[TupleRow]):
    """Raises ``psycopg.OperationalError`` and closes when the server sends nothing for ``answer_timeout_seconds``."""

    answer_timeout_seconds = math.inf

    def wait(self, gen: PQGen[RV], *arguments: Any, **options: Any) -> RV:
        """Every wait of psycopg for the server comes through here, except that for a new connection."""
        try:
            return super().wait(_bounded(gen, self.answer_timeout_seconds), *arguments, **options)
        except _NoAnswer:
            self.close()  # the answer to this statement is not one to the next
            raise

    def check_answers(self, ping: Callable[[Self], object], seconds: float) -> None:
        """Ping the server. If it does not answer within ``seconds``, raise what makes SQLAlchemy's pool reconnect."""
        try:
            with self._limited_to(seconds):
                ping(self)
        except psycopg.Error as error:
            raise exc.InvalidatePoolError(str(error)) from error

    @contextmanager
    def _limited_to(self, seconds: float) -> Iterator[None]:
        usual, self.answer_timeout_seconds = self.answer_timeout_seconds, seconds
        try:
            yield
        finally:
            self.answer_timeout_seconds = usual


class _NoAnswer(psycopg.OperationalError):
    """The server sent nothing."""


def _bounded(gen: PQGen[RV], timeout_seconds: float) -> PQGen[RV]:
    """``gen``, ended when there was nothing to read or write for too long: psycopg wakes it often."""
    try:
        wanted = next(gen)
        answered_at = time.monotonic()
        while True:
            ready = yield wanted
            now = time.monotonic()
            if ready:
                answered_at = now
            elif now - answered_at >= timeout_seconds:
                gen.close()
                raise _NoAnswer(f"the server has sent nothing for {timeout_seconds:g} s")
            wanted = gen.send(ready)
    except StopIteration as end:
        answer: RV = end.value
        return answer
