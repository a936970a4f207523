"""Correlation ids: every log line about a request carries the same id, in the admin, the master and the agent.

The id comes from the client's ``X-Request-ID`` header, or is generated. The response returns it, and calls to the
master forward it. It is not an ``Idempotency-Key``, which repeats a command safely.
"""

from __future__ import annotations

from typing import Final

from flask import Response, request

from sutra_grid.runtime import correlation_id

HEADER: Final = "X-Request-ID"


def bind_correlation_id() -> None:
    """Bind the request's correlation id to this thread. Runs before each request, before anything is logged."""
    given = request.headers.get(HEADER, "")
    correlation_id.bind(given if correlation_id.is_valid(given) else correlation_id.generate())


def add_correlation_id(response: Response) -> Response:
    """Return the correlation id to the client. Runs after each request."""
    response.headers[HEADER] = correlation_id.current()
    return response
