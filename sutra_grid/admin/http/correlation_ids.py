"""Gives each request an id, the client's own if it sent one, and tells it back: all log lines about it carry it.

The header is ``X-Request-ID``, as proxies and load balancers send it. It travels with the calls to the
master, and from there to the agent. An ``Idempotency-Key`` is another thing: it stays the same for a retry.
"""

from __future__ import annotations

from typing import Final

from flask import Response, request

from sutra_grid.runtime import correlation_id as request_id

HEADER: Final = "X-Request-ID"


def take_up() -> None:
    """Before each request, first of all: what is logged from now on by this thread belongs to it."""
    given = request.headers.get(HEADER, "")
    request_id.bind(given if request_id.is_id(given) else request_id.fresh())


def tell(answer: Response) -> Response:
    """After each request."""
    answer.headers[HEADER] = request_id.current()
    return answer
