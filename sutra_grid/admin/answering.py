"""Answers as JSON."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from google.protobuf.message import Message

from sutra_grid.wire.convert import to_json


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
