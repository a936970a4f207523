"""What clients send, checked strictly: bodies, query parameters, headers.

All faults of a request are reported at once; an unknown name gets the nearest known one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason
from sutra_grid.runtime.config.errors import near_miss

MAX_TEXT_CHARACTERS: Final = 4096
MAX_KEY_CHARACTERS: Final = 255
MAX_SHOWN_CHARACTERS: Final = 60
JSON_HINT: Final = 'Send one JSON object, such as {"port": 50051}'


class _Bad(Exception):
    """A value that does not fit; the message says what was found and what is allowed."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text without control characters; ``choices`` lists the only ones allowed."""

    name: str
    choices: Sequence[str] = ()

    def of_json(self, value: Any) -> str:
        """The text of a JSON value."""
        if not isinstance(value, str):
            raise _Bad(f"{self.name} must be a string, found {_shown(value)}")
        return self.of_text(value)

    def of_text(self, text: str) -> str:
        """The text, checked."""
        if self.choices and text not in self.choices:
            close = near_miss(text, self.choices)
            raise _Bad(f"{self.name} must be one of {', '.join(self.choices)}, found {_shown(text)}{close}")
        if len(text) > MAX_TEXT_CHARACTERS:
            raise _Bad(f"{self.name} may have {MAX_TEXT_CHARACTERS} characters, found {len(text)}")
        if not _is_plain(text):
            raise _Bad(f"{self.name} must not hold control characters or broken Unicode, found {_shown(text)}")
        return text


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number in a range, both ends allowed."""

    name: str
    low: int
    high: int

    def of_json(self, value: Any) -> int:
        """The number of a JSON value; a boolean or a fraction is none."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise self._bad(value)
        return value

    def of_text(self, text: str) -> int:
        """The number that a text writes in decimal digits."""
        if not (text.isascii() and text.isdecimal() and len(text) <= len(str(self.high))):
            raise self._bad(text)
        return self.of_json(int(text))

    def _bad(self, value: Any) -> _Bad:
        return _Bad(f"{self.name} must be an integer from {self.low} to {self.high}, found {_shown(value)}")


Field = Text | Whole


def read_body(fields: Sequence[Field]) -> dict[str, Any]:
    """The JSON object of the request by field; a field that is absent is left out, and no body is an empty one."""
    data = _body()
    if not data.strip():
        return {}
    if not request.is_json:
        found = request.mimetype or "no content type"
        raise UnsupportedMediaType(f"the body must be application/json, found {found}")
    return _checked(_json_object(data), fields, "field", lambda field, value: field.of_json(value))


def _body() -> bytes:
    """The bytes of the body. Raises ``BadRequest`` when they are not sent as HTTP wants it."""
    try:
        return request.get_data()
    except ParseException as error:  # gunicorn reads a body in chunks when it is asked for, and only then sees them
        raise BadRequest(f"the body can't be read: {error}") from error


def read_query(fields: Sequence[Field]) -> dict[str, Any]:
    """The query parameters by field; one that is absent or empty is left out."""
    faults = [f"{name} is given {len(values)} times" for name, values in request.args.lists() if len(values) > 1]
    if faults:
        raise _refused(faults)
    given = {name: text for name, text in request.args.items() if text or name not in {field.name for field in fields}}
    return _checked(given, fields, "query parameter", lambda field, text: field.of_text(text))


def read_idempotency_key(body_request_id: str = "") -> str:
    """The client's request id: of the header ``Idempotency-Key``, or of the body; empty when it sent none."""
    key = request.headers.get("Idempotency-Key", "")
    if key and body_request_id and key != body_request_id:
        raise _refused(["Idempotency-Key and request_id differ"], hint="Send one of them")
    chosen = key or body_request_id
    if len(chosen) > MAX_KEY_CHARACTERS or not (chosen.isascii() and chosen.isprintable()):
        raise _refused(
            [f"Idempotency-Key must have at most {MAX_KEY_CHARACTERS} printable ASCII characters"],
            hint="Send a UUID",
        )
    return chosen


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data, object_pairs_hook=_without_repetition)
    except ValueError as error:  # bad JSON, bad UTF-8
        raise _refused([f"the body is no JSON: {error}"], hint=JSON_HINT) from error
    except RecursionError as error:
        raise _refused(["the body is nested too deeply"], hint=JSON_HINT) from error
    if not isinstance(document, dict):
        raise _refused([f"the body must be a JSON object, found {_shown(document)}"], hint=JSON_HINT)
    return document


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{', '.join(repeated)} stands there more than once")
    return document


def _checked(
    given: Mapping[str, Any], fields: Iterable[Field], what: str, read: Callable[[Field, Any], Any]
) -> dict[str, Any]:
    known = {field.name: field for field in fields}
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, value in given.items():
        if name not in known:
            faults.append(f"unknown {what} {_shown(name)}{near_miss(name, known)}")
            continue
        try:
            values[name] = read(known[name], value)
        except _Bad as error:
            faults.append(str(error))
    if faults:
        allowed = f"Known are {', '.join(known)}" if known else f"This request takes no {what}s"
        raise _refused(faults, hint=allowed)
    return values


def _refused(faults: Sequence[str], hint: str = "") -> InvalidArgument:
    return InvalidArgument("; ".join(faults), reason=Reason.INVALID_ARGUMENT, hint=hint)


def _is_plain(text: str) -> bool:
    return not any(character < " " or character == "\x7f" or "\ud800" <= character <= "\udfff" for character in text)


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[: MAX_SHOWN_CHARACTERS - 1] + "…"
