"""Gives each request a correlation id, the client's own if it sent one, and returns it with the answer.

All log lines about the request carry it. The header is ``X-Request-ID``, as proxies and load balancers send
it. It travels with the calls to the master, and from there to the agent. It is not an ``Idempotency-Key``:
that one stays the same for a retry.
"""

from __future__ import annotations

from typing import Final

from flask import Response, request

from sutra_grid.runtime import correlation_id

HEADER: Final = "X-Request-ID"


def bind_correlation_id() -> None:
    """Before each request, first of all: what is logged from now on by this thread belongs to it."""
    given = request.headers.get(HEADER, "")
    correlation_id.bind(given if correlation_id.is_valid(given) else correlation_id.generate())


def add_correlation_id(answer: Response) -> Response:
    """After each request."""
    answer.headers[HEADER] = correlation_id.current()
    return answer
