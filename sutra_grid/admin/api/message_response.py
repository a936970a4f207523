"""A wire message as an HTTP response."""

from __future__ import annotations

from flask import Response
from google.protobuf.message import Message

from sutra_grid.admin.http.responses import json_response
from sutra_grid.wire.convert import to_json


def message_response(message: Message, status: int = 200, **headers: str) -> Response:
    """A wire message as JSON. An underscore in a header's name becomes a hyphen."""
    return json_response(to_json(message), status, **headers)
