"""Answers as JSON, and those that go on and on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from flask import Response, jsonify, request

from sutra_grid.admin.http.long_requests import ThreadSlot

#: The header of a page that is not the only one.
LINK_HEADER: Final[Mapping[str, Any]] = {
    "Link": {
        "description": "Where the next page is; of events also the one before (RFC 8288)",
        "schema": {"type": "string"},
    }
}

NDJSON: Final = "application/x-ndjson"


def json_response(document: Any, status: int = 200, **headers: str) -> Response:
    """Any document."""
    response = jsonify(document)
    response.status_code = status
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


def conditional_response(document: Any) -> Response:
    """A document with its ETag; 304 without it when the client's ``If-None-Match`` has that. Within a request."""
    response = json_response(document)
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"  # to be kept, and asked again for each use
    response.make_conditional(request)
    return response


def page_response(name: str, items: Sequence[Any], next_cursor: str) -> Response:
    """A page of a list, and where the next one is: in the document and as a link (RFC 8288). Within a request."""
    response = conditional_response({name: items, "next_cursor": next_cursor})
    if next_cursor:
        add_link(response, "next", cursor=next_cursor)
    return response


def add_link(response: Response, relation: str, **changes: str | int | None) -> None:
    """Link to what was asked for with some parameters changed; None takes one away. Within a request."""
    chosen = {name: value for name, value in (request.args.to_dict() | changes).items() if value is not None}
    response.headers.add("Link", f'<{request.path}?{urlencode(chosen)}>; rel="{relation}"')


def stream_response(parts: Iterable[str], slot: ThreadSlot, content_type: str) -> Response:
    """An answer that goes on; its slot is given back when it ends, or the client leaves."""

    def released() -> Iterator[str]:
        with slot:
            yield from parts

    response = Response(released(), content_type=content_type)
    response.call_on_close(slot.release)  # of one that was never begun
    return response
