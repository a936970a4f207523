"""Fields of requests. An invalid value raises an error that says what is allowed and what was found.

The message follows the field's name: ``port must be an integer from 0 to 65535, found "x"``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from marshmallow import ValidationError, fields

from sutra_grid.core.moment import FORMS, MAX_CHARACTERS, Moment, parse_moment
from sutra_grid.runtime.config.errors import near_miss

MAX_TEXT_CHARACTERS: Final = 4096
MAX_SHOWN_CHARACTERS: Final = 60
PLAIN_PATTERN: Final = r"^[^\u0000-\u001f\u007f]*$"
ASCII_PATTERN: Final = "^[ -~]*$"


class Text(fields.String):
    """A string without control characters; with ``is_ascii`` printable ASCII only; with ``choices`` one of them.

    An empty string is refused unless ``may_be_empty``: it is most often an unset variable in a script.
    """

    def __init__(
        self,
        description: str,
        *,
        choices: Sequence[str] = (),
        may_be_empty: bool = False,
        max_characters: int = MAX_TEXT_CHARACTERS,
        is_ascii: bool = False,
        **given: Any,
    ) -> None:
        self._choices = choices
        self._may_be_empty = may_be_empty
        self._max_characters = max_characters
        self._is_ascii = is_ascii
        bounds: dict[str, Any] = {"maxLength": max_characters, "pattern": ASCII_PATTERN if is_ascii else PLAIN_PATTERN}
        if not may_be_empty:
            bounds["minLength"] = 1
        shape = {"enum": list(choices)} if choices else bounds
        super().__init__(
            metadata={"description": description, **shape},
            error_messages={"null": "must be a string, found null"},
            **given,
        )

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError(f"must be a string, found {excerpt(value)}")
        if self._choices and value not in self._choices:
            close = near_miss(value, self._choices)
            raise ValidationError(f"must be one of {', '.join(self._choices)}, found {excerpt(value)}{close}")
        if not value and not self._may_be_empty:
            raise ValidationError("must not be empty; omit it instead")
        if len(value) > self._max_characters:
            raise ValidationError(f"must have at most {self._max_characters} characters, found {len(value)}")
        if self._is_ascii and not (value.isascii() and value.isprintable()):
            raise ValidationError(f"must contain only printable ASCII characters, found {excerpt(value)}")
        if not _is_plain(value):
            raise ValidationError(f"must not contain control characters or invalid Unicode, found {excerpt(value)}")
        return value


class WholeNumber(fields.Integer):
    """An integer in an inclusive range. Booleans, fractions and, in JSON, strings are refused."""

    def __init__(self, description: str, low: int, high: int, **given: Any) -> None:
        self._low, self._high = low, high
        metadata = {"description": description, "minimum": low, "maximum": high}
        super().__init__(metadata=metadata, error_messages={"null": f"{self._requirement}, found null"}, **given)

    @property
    def _requirement(self) -> str:
        return f"must be an integer from {self._low} to {self._high}"

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> int:
        number = _number_of_text(value, self._high) if isinstance(value, RawText) else value
        if isinstance(number, float) and number.is_integer():
            number = int(number)  # JSON does not distinguish 3.0 from 3
        if isinstance(number, bool) or not isinstance(number, int) or not self._low <= number <= self._high:
            raise ValidationError(f"{self._requirement}, found {excerpt(value)}")
        return number


class Flag(fields.Boolean):
    """A boolean; ``only`` restricts it to one value."""

    def __init__(self, description: str, *, only: bool | None = None, **given: Any) -> None:
        self._allowed = (True, False) if only is None else (only,)
        shape = {} if only is None else {"enum": [only]}
        super().__init__(
            metadata={"description": description, **shape},
            error_messages={"null": f"{self._requirement}, found null"},
            **given,
        )

    @property
    def _requirement(self) -> str:
        return f"must be {' or '.join(json.dumps(value) for value in self._allowed)}"

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> bool:
        flag = {"true": True, "false": False}.get(value) if isinstance(value, RawText) else value
        if not isinstance(flag, bool) or flag not in self._allowed:
            raise ValidationError(f"{self._requirement}, found {excerpt(value)}")
        return flag


class Time(fields.Field[Moment]):
    """A time, or an age before now; without a zone it is UTC."""

    def __init__(self, description: str, **given: Any) -> None:
        shape = {"type": "string", "minLength": 1, "maxLength": MAX_CHARACTERS}
        super().__init__(metadata={"description": f"{description}: {FORMS}. Without a zone: UTC", **shape}, **given)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> Moment:
        try:
            return parse_moment(str(value))
        except ValueError as error:
            raise ValidationError(f"{error}, found {excerpt(value)}") from error


class TextList(fields.List[str]):
    """A list of one or more distinct strings."""

    def __init__(self, description: str, max_items: int, max_characters: int, **given: Any) -> None:
        self._max_items = max_items
        super().__init__(
            Text("One item", max_characters=max_characters),
            metadata={"description": description, "minItems": 1, "maxItems": max_items, "uniqueItems": True},
            error_messages={"null": f"{self._requirement}, found null"},
            **given,
        )

    @property
    def _requirement(self) -> str:
        return f"must be a list of 1 to {self._max_items} different strings"

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> list[str | None]:
        texts = value if isinstance(value, list) and all(isinstance(text, str) for text in value) else []
        if not 1 <= len(texts) <= self._max_items or len(set(texts)) < len(texts):
            raise ValidationError(f"{self._requirement}, found {excerpt(value)}")
        found: list[str | None] = [self.inner.deserialize(text) for text in texts]
        return found


class RawText(str):
    """A value from a query, a header or a form, where every value is a string."""


def excerpt(value: Any) -> str:
    """A value as JSON, truncated to fit in a message."""
    text = json.dumps(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[: MAX_SHOWN_CHARACTERS - 1] + "…"


def _number_of_text(text: str, high: int) -> int | str:
    """The integer that ``text`` represents, or ``text`` itself when it is not one."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(high))
    return int(text) if is_number else text


def _is_plain(text: str) -> bool:
    return not any(character < " " or character == "\x7f" or "\ud800" <= character <= "\udfff" for character in text)
