"""Hypothesis strategies for whole messages of the wire, built from their descriptors: every field, any value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

Known = Mapping[str, Sequence[Any] | st.SearchStrategy[Any]]
"""By field name: values that make sense to the server, which come beside arbitrary ones, so that calls get deep;
or a strategy, from which all of the field's values come."""

MAX_DEPTH = 3
MAX_REPEATED = 4

_INTEGERS = {
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
}


def services(*files: Any) -> list[ServiceDescriptor]:
    """All services that the generated modules declare."""
    return [service for file in files for service in file.DESCRIPTOR.services_by_name.values()]


def path_of(method: MethodDescriptor) -> str:
    """As it stands in an HTTP/2 request."""
    return f"/{method.containing_service.full_name}/{method.name}"


def messages(descriptor: Descriptor, known: Known, depth: int = 0) -> st.SearchStrategy[Message]:
    """Messages with some of their fields set, each to a known or an arbitrary value."""
    optional = {field.name: _values(field, known, depth) for field in descriptor.fields if _is_shown(field, depth)}
    # An enumeration may hold any 32-bit number on the wire; the constructor takes it as it is.
    return st.fixed_dictionaries({}, optional=optional).map(lambda fields: GetMessageClass(descriptor)(**fields))


def _is_shown(field: FieldDescriptor, depth: int) -> bool:
    return field.message_type is None or depth < MAX_DEPTH


def _values(field: FieldDescriptor, known: Known, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=MAX_REPEATED)
    one = _one(field, known, depth)
    return st.lists(one, max_size=MAX_REPEATED) if field.is_repeated else one


def _one(field: FieldDescriptor, known: Known, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return messages(field.message_type, known, depth + 1)
    expected = known.get(field.name)
    if expected is None:
        return _arbitrary(field)
    if isinstance(expected, st.SearchStrategy):
        return expected
    # Two of three known, or most calls would end at the first check.
    return st.sampled_from(expected) | st.sampled_from(expected) | _arbitrary(field)


def _arbitrary(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.type in _INTEGERS:
        lowest, highest = _INTEGERS[field.type]
        return st.integers(lowest, highest) | st.integers(0, 20)
    return {
        FieldDescriptor.TYPE_STRING: st.text(max_size=30) | st.integers(1_000, 70_000).map(lambda size: "x" * size),
        FieldDescriptor.TYPE_BYTES: st.binary(max_size=30) | st.integers(1_000, 70_000).map(bytes),
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_DOUBLE: st.floats(),
        FieldDescriptor.TYPE_ENUM: st.integers(-(2**31), 2**31 - 1) | st.integers(0, 5),
    }[field.type]
