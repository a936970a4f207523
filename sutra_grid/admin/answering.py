"""Answers as JSON, and those that go on and on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from flask import Response, jsonify, request
from google.protobuf.message import Message

from sutra_grid.admin.long_requests import Slot
from sutra_grid.wire.convert import to_json

NDJSON: Final = "application/x-ndjson"


def answer(message: Message, status: int = 200, **headers: str) -> Response:
    """A message of the wire; an underscore in a header's name is a hyphen."""
    return answer_json(to_json(message), status, **headers)


def answer_json(document: Any, status: int = 200, **headers: str) -> Response:
    """Any document."""
    response = jsonify(document)
    response.status_code = status
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


def answer_unless_known(document: Any) -> Response:
    """A document with its ETag; 304 without it when the client's ``If-None-Match`` has that. Within a request."""
    response = answer_json(document)
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"  # to be kept, and asked again for each use
    response.make_conditional(request)
    return response


def stream(parts: Iterable[str], slot: Slot, content_type: str) -> Response:
    """An answer that goes on; its slot is given back when it ends, or the client leaves."""

    def released() -> Iterator[str]:
        with slot:
            yield from parts

    response = Response(released(), content_type=content_type)
    response.call_on_close(slot.release)  # of one that was never begun
    return response
