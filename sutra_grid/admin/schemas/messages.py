"""Schemas of wire messages as ``wire.convert.to_json`` writes them, made from their descriptors and comments."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from marshmallow import Schema, fields

from sutra_grid.admin.http.schemas import ResponseSchema
from sutra_grid.core.types import Actor, AgentStatus, ClusterHealth, Desired, Health, NodeStatus, ReachState, Reason
from sutra_grid.wire.grid_pb2_comments import COMMENTS

# String fields with enumerated values, by message and field.
ENUMS: Final[Mapping[tuple[str, str], type[StrEnum]]] = {
    ("AgentRecord", "status"): AgentStatus,
    ("AgentRecord", "reason"): Reason,
    ("AgentRecord", "reachability"): ReachState,
    ("AgentRecord", "reachability_reason"): Reason,
    ("NodeStatus", "status"): NodeStatus,
    ("NodeStatus", "desired"): Desired,
    ("NodeStatus", "health"): Health,
    ("NodeStatus", "reason"): Reason,
    ("NodeExit", "reason"): Reason,
    ("ClusterStatus", "status"): ClusterHealth,
    ("Event", "reason"): Reason,
    ("Event", "actor"): Actor,
}

_BITS: Final = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
}


def schema_of(message: type[Message], *, without: Collection[str] = ()) -> type[Schema]:
    """The schema of a message as JSON. ``without`` names fields that the response omits."""
    return _schema(message.DESCRIPTOR, frozenset(without))


@cache
def _schema(message: Descriptor, without: frozenset[str]) -> type[Schema]:
    shown = {field.name: _field(message.name, field) for field in message.fields if field.name not in without}
    return ResponseSchema.from_dict(shown, name=message.name)


def _field(message: str, field: FieldDescriptor) -> fields.Field[Any]:
    about = {"description": COMMENTS[message, field.name]} if (message, field.name) in COMMENTS else {}
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        values = _value(message, entry.fields_by_name["value"], required=True, about={})
        return fields.Dict(keys=fields.String(), values=values, required=True, metadata=about)
    if field.is_repeated:
        return fields.List(_value(message, field, required=True, about={}), required=True, metadata=about)
    return _value(message, field, required=not field.has_presence, about=about)


def _value(message: str, field: FieldDescriptor, *, required: bool, about: dict[str, Any]) -> fields.Field[Any]:
    if field.message_type is not None:
        return fields.Nested(_schema(field.message_type, frozenset()), required=required, metadata=about)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return fields.Boolean(required=required, metadata=about)
    if field.type in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT):
        return fields.Float(required=required, allow_none=True, metadata=about)  # null stands for infinity and NaN
    if field.type in _BITS:
        low, high = _BITS[field.type]
        return fields.Integer(required=required, metadata={"minimum": low, "maximum": high, **about})
    members = ENUMS.get((message, field.name))
    enum = {"enum": [member.value for member in members]} if members else {}
    return fields.String(required=required, metadata={**enum, **about})
