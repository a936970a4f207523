"""Parses requests strictly, by the schemas of their operation.

An error lists all faults of a query or a body, in the order of the request. For an unknown name it suggests the
closest known one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NoReturn

from flask import Request
from gunicorn.http.errors import ParseException
from marshmallow import EXCLUDE, RAISE, Schema, ValidationError
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from sutra_grid.admin.http.fields import RawText, excerpt
from sutra_grid.admin.http.schemas import WHOLE_BODY
from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason
from sutra_grid.runtime.config.errors import near_miss

JSON_HINT: Final = 'Send one JSON object, such as {"port": 50051}'
_WHAT: Final = {"query": "query parameter", "json": "field", "headers": "header"}


class StrictParser(FlaskParser):
    """Reads queries, JSON bodies and headers. Raises one ``InvalidArgument`` that lists all faults."""

    DEFAULT_VALIDATION_STATUS: int = 400
    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {"query": RAISE, "json": RAISE, "headers": EXCLUDE}

    def load_json(self, req: Request, schema: Schema) -> dict[str, Any]:
        """The JSON object in the body. An absent body is an empty object."""
        data = _body(req)
        if not data.strip():
            return {}
        if not req.is_json:
            found = req.mimetype or "no content type"
            raise UnsupportedMediaType(f"the body must be application/json, found {found}")
        return _json_object(data)

    def load_querystring(self, req: Request, schema: Schema) -> dict[str, str]:
        """The query parameters. Each may occur once."""
        faults = [f"{name} is given {len(values)} times" for name, values in req.args.lists() if len(values) > 1]
        if faults:
            raise invalid_request(faults)
        return {name: RawText(text) for name, text in req.args.items()}

    def load_headers(self, req: Request, schema: Schema) -> dict[str, str]:
        """The headers that the schema declares."""
        return {name: RawText(req.headers[name]) for name in _names(schema) if name in req.headers}

    def handle_error(
        self,
        error: ValidationError,
        req: Request,
        schema: Schema,
        *,
        error_status_code: int | None,
        error_headers: Mapping[str, str] | None,
    ) -> NoReturn:
        """Raise ``InvalidArgument`` for the errors that marshmallow found."""
        assert isinstance(error.messages, dict)  # webargs puts them under the location
        [(location, found)] = error.messages.items()
        what = _WHAT.get(location, location)
        known = _names(schema)
        given = list(error.data) if isinstance(error.data, Mapping) else []
        order = {name: index for index, name in enumerate(given)}
        faults = [
            _fault(name, found[name], known, what) for name in sorted(found, key=lambda name: order.get(name, -1))
        ]
        raise invalid_request(faults, hint=_hint(known, what))


def invalid_request(faults: Sequence[str], hint: str = "") -> InvalidArgument:
    """An ``InvalidArgument`` that lists all faults."""
    return InvalidArgument("; ".join(faults), reason=Reason.INVALID_ARGUMENT, hint=hint)


def _hint(known: Sequence[str], what: str) -> str:
    return f"Allowed {what}s: {', '.join(known)}" if known else f"This request takes no {what}s"


def _names(schema: Schema) -> list[str]:
    """The names of a schema's fields as clients write them."""
    return [field.data_key or name for name, field in schema.load_fields.items()]


def _fault(name: str, messages: Iterable[str], known: Sequence[str], what: str) -> str:
    if name == WHOLE_BODY:
        return "; ".join(messages)
    if name not in known:
        return f"unknown {what} {excerpt(name)}{near_miss(name, known)}"
    return "; ".join(f"{name} {message}" for message in messages)


def _body(req: Request) -> bytes:
    """The bytes of the body. Raises ``BadRequest`` when they do not follow HTTP."""
    try:
        return req.get_data()
    except ParseException as error:  # gunicorn reads a chunked body only now
        raise BadRequest(f"cannot read the body: {error}") from error


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data, object_pairs_hook=_reject_repeated_names)
    except ValueError as error:  # invalid JSON or UTF-8
        raise invalid_request([f"the body is not valid JSON: {error}"], hint=JSON_HINT) from error
    except RecursionError as error:
        raise invalid_request(["the body is nested too deeply"], hint=JSON_HINT) from error
    if not isinstance(document, dict):
        raise invalid_request([f"the body must be a JSON object, found {excerpt(document)}"], hint=JSON_HINT)
    return document


def _reject_repeated_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{', '.join(repeated)} occurs more than once")
    return document
