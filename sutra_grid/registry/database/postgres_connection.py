"""A connection to PostgreSQL that does not wait for ever.

A server that hangs (its disk, its whole host) still has a kernel that takes what is sent: no time limit of TCP
ends the wait, and the limits that the server keeps for a statement stand still with it. So the client has its own.
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
    """Raises ``psycopg.OperationalError``, and is closed, when the server sends nothing for so long."""

    silence_seconds = math.inf

    def wait(self, gen: PQGen[RV], *arguments: Any, **options: Any) -> RV:
        """Every wait of psycopg for the server comes through here, but that for a new connection."""
        try:
            return super().wait(_bounded(gen, self.silence_seconds), *arguments, **options)
        except _Silent:
            self.close()  # the answer to this statement is not one to the next
            raise

    def refuse_silence(self, ping: Callable[[Self], object], seconds: float) -> None:
        """Have the server answer within ``seconds``, or raise what makes SQLAlchemy's pool connect anew."""
        try:
            with self._patient_for(seconds):
                ping(self)
        except psycopg.Error as error:
            raise exc.InvalidatePoolError(str(error)) from error

    @contextmanager
    def _patient_for(self, seconds: float) -> Iterator[None]:
        usual, self.silence_seconds = self.silence_seconds, seconds
        try:
            yield
        finally:
            self.silence_seconds = usual


class _Silent(psycopg.OperationalError):
    """The server sent nothing."""


def _bounded(gen: PQGen[RV], silence_seconds: float) -> PQGen[RV]:
    """``gen``, ended when it is woken without anything to read or write for too long: psycopg wakes it often."""
    try:
        wanted = next(gen)
        heard = time.monotonic()
        while True:
            ready = yield wanted
            now = time.monotonic()
            if ready:
                heard = now
            elif now - heard >= silence_seconds:
                gen.close()
                raise _Silent(f"the server has sent nothing for {silence_seconds:g} s")
            wanted = gen.send(ready)
    except StopIteration as end:
        answer: RV = end.value
        return answer
