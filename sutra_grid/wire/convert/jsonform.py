"""The JSON form of a message, as the admin's API and the command line print it.

Unlike protobuf's own JSON mapping, it keeps 64-bit numbers as numbers: readers of this API (Python, Go,
jq) support them, and times in milliseconds and bytes stay far below 2**53.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message


def to_json(message: Message) -> dict[str, Any]:
    """Fields by their names on the wire, in the order of their declaration.

    Includes empty and zero values; only unset messages and ``optional`` fields are left out. Bytes are
    base64; numbers that JSON lacks (NaN, infinity) are None.
    """
    fields = cast(Sequence[FieldDescriptor], message.DESCRIPTOR.fields)  # the stubs know two classes of it
    return {field.name: _field(message, field) for field in fields if _is_shown(message, field)}


def _is_shown(message: Message, field: FieldDescriptor) -> bool:
    return not field.has_presence or message.HasField(field.name)


def _field(message: Message, field: FieldDescriptor) -> Any:
    value = getattr(message, field.name)
    values = _map_values(field)
    if values is not None:
        return {str(name): _scalar(values, item) for name, item in sorted(value.items())}
    if field.is_repeated:
        return [_scalar(field, item) for item in value]
    return _scalar(field, value)


def _scalar(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None:
        return to_json(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known is not None else value
    return value


def _map_values(field: FieldDescriptor) -> FieldDescriptor | None:
    """The descriptor of a map's values; None for other fields."""
    entry = field.message_type
    return entry.fields_by_name["value"] if entry is not None and entry.GetOptions().map_entry else None
