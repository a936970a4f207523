"""Schemas that every API of this kind has: requests read strictly, the idempotency key, problems."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from marshmallow import EXCLUDE, RAISE, Schema, fields, post_load

from sutra_grid.admin.http.fields import Text
from sutra_grid.core.errors import GridError
from sutra_grid.core.types import Reason

MAX_KEY_CHARACTERS: Final = 100
KEY_HEADER: Final = "Idempotency-Key"

#: Where a fault is told that belongs to no single field.
WHOLE_BODY: Final = "the body"


class RequestSchema(Schema):
    """A query or a body; an unknown name is a fault.

    ``SHAPE`` is what the fields have to do with each other, as JSON Schema.
    """

    SHAPE: ClassVar[dict[str, Any]] = {}

    class Meta:
        """marshmallow's options."""

        unknown = RAISE


class NoInput(RequestSchema):
    """Of a request that takes no query, or no body."""


class CommandHeaders(Schema):
    """The header that makes a retry harmless. Loads to the key itself, empty without one."""

    class Meta:
        """marshmallow's options."""

        unknown = EXCLUDE

    key = Text(
        "Of your choice, such as a UUID: a retry with the same key gets the first answer and changes nothing again; "
        "another request with it is refused with 422",
        data_key=KEY_HEADER,
        may_be_empty=True,
        max_characters=MAX_KEY_CHARACTERS,
        is_ascii=True,
    )

    @post_load
    def the_key(self, data: dict[str, Any], **_: Any) -> str:
        """The key alone."""
        key: str = data.get("key", "")
        return key


class ResponseSchema(Schema):
    """An object of an answer; a newer version may add fields to it, so clients have to let others pass."""

    class Meta:
        """marshmallow's options."""

        unknown = EXCLUDE


class ProblemSchema(ResponseSchema):
    """Why a request was refused, or failed (RFC 9457)."""

    type = fields.String(required=True, metadata={"description": "A URN of the reason"})
    title = fields.String(required=True, metadata={"description": "What kind of thing it is, in words"})
    status = fields.Integer(required=True, metadata={"minimum": 400, "maximum": 599})
    detail = fields.String(required=True, metadata={"description": "What is wrong, naming the thing"})
    code = fields.String(
        required=True,
        metadata={"enum": sorted(cls.code for cls in GridError.__subclasses__()), "description": "That of gRPC"},
    )
    reason = fields.String(
        required=True, metadata={"enum": [reason.value for reason in Reason], "description": "To decide by"}
    )
    hint = fields.String(required=True, metadata={"description": "The next step to take; may be empty"})
    instance = fields.String(required=True, metadata={"description": "The path that was asked"})
