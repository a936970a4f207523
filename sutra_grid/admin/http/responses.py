"""JSON responses, list pages and streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from flask import Response, jsonify, request

from sutra_grid.admin.http.long_requests import ThreadSlot
from sutra_grid.admin.http.proxies import at_root

#: The header of a list page that has neighbours.
LINK_HEADER: Final[Mapping[str, Any]] = {
    "Link": {
        "description": "URL of the next page; for events also of the previous one (RFC 8288)",
        "schema": {"type": "string"},
    }
}

NDJSON: Final = "application/x-ndjson"


def json_response(document: Any, status: int = 200, **headers: str) -> Response:
    """A document as JSON. An underscore in a header's name becomes a hyphen."""
    response = jsonify(document)
    response.status_code = status
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


def conditional_response(document: Any) -> Response:
    """A document with its ETag, or 304 when ``If-None-Match`` names that ETag. Needs a request context."""
    response = json_response(document)
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"  # clients may store it but must revalidate it
    response.make_conditional(request)
    return response


def page_response(name: str, items: Sequence[Any], next_cursor: str, total: int, as_of_ms: int) -> Response:
    """A page of a list with the cursor and the link (RFC 8288) of the next one. Needs a request context."""
    response = conditional_response({name: items, "next_cursor": next_cursor, "total": total, "as_of_ms": as_of_ms})
    if next_cursor:
        add_link(response, "next", cursor=next_cursor)
    return response


def add_link(response: Response, relation: str, **changes: str | int | None) -> None:
    """Add a link to the same URL with parameters changed; None removes one. Needs a request context."""
    chosen = {name: value for name, value in (request.args.to_dict() | changes).items() if value is not None}
    response.headers.add("Link", f'<{at_root(request.path)}?{urlencode(chosen)}>; rel="{relation}"')


def stream_response(parts: Iterable[str] | Iterable[bytes], slot: ThreadSlot, content_type: str) -> Response:
    """A streamed response. It releases ``slot`` when it ends or the client disconnects."""

    def parts_then_release() -> Iterator[Any]:
        with slot:
            yield from parts

    response = Response(parts_then_release(), content_type=content_type)
    response.call_on_close(slot.release)  # when the stream was never started
    return response
