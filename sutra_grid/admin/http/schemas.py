"""Base schemas of requests and responses, the idempotency key header, and the problem document."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from marshmallow import EXCLUDE, RAISE, Schema, fields, post_load

from sutra_grid.admin.http.fields import Text
from sutra_grid.core.errors import GridError
from sutra_grid.core.types import Reason

MAX_KEY_CHARACTERS: Final = 100
KEY_HEADER: Final = "Idempotency-Key"

#: Key of errors that belong to no single field.
WHOLE_BODY: Final = "the body"


class RequestSchema(Schema):
    """A query or a body. Unknown names are refused.

    ``SHAPE`` is a JSON Schema fragment that states constraints between fields.
    """

    SHAPE: ClassVar[dict[str, Any]] = {}

    class Meta:
        """Options of marshmallow."""

        unknown = RAISE


class NoInput(RequestSchema):
    """The query or body of a request that takes none."""


class CommandHeaders(Schema):
    """The ``Idempotency-Key`` header, which makes a retry safe. Loads to the key, or to an empty string."""

    class Meta:
        """Options of marshmallow."""

        unknown = EXCLUDE

    key = Text(
        "A unique value of your choice, such as a UUID. A retry with the same key returns the first response and "
        "changes nothing again. A different request with the same key is refused with 422",
        data_key=KEY_HEADER,
        may_be_empty=True,
        max_characters=MAX_KEY_CHARACTERS,
        is_ascii=True,
    )

    @post_load
    def the_key(self, data: dict[str, Any], **_: Any) -> str:
        """Reduce the loaded headers to the key."""
        key: str = data.get("key", "")
        return key


class ResponseSchema(Schema):
    """An object in a response. Newer versions may add fields, so clients must ignore unknown ones."""

    class Meta:
        """Options of marshmallow."""

        unknown = EXCLUDE


class ProblemSchema(ResponseSchema):
    """Why a request was refused or failed (RFC 9457)."""

    type = fields.String(required=True, metadata={"description": "URN of the reason"})
    title = fields.String(required=True, metadata={"description": "Summary of the kind of error"})
    status = fields.Integer(required=True, metadata={"minimum": 400, "maximum": 599})
    detail = fields.String(
        required=True, metadata={"description": "What is wrong, with the names of the objects involved"}
    )
    code = fields.String(
        required=True,
        metadata={
            "enum": sorted(cls.code for cls in GridError.__subclasses__()),
            "description": "Error code, named like the gRPC status code",
        },
    )
    reason = fields.String(
        required=True,
        metadata={"enum": [reason.value for reason in Reason], "description": "Cause of the error, for programs"},
    )
    hint = fields.String(required=True, metadata={"description": "What to do next; may be empty"})
    instance = fields.String(required=True, metadata={"description": "Path of the request"})
