"""Machine-readable output: messages of the wire as JSON, YAML or names.

Field names are those of the wire. Unlike in protobuf's own JSON mapping, 64-bit numbers stay
numbers, so that ``jq`` can compare them. All of them fit into 53 bits. Where standard output is not
UTF-8, other characters are escaped as both formats allow, so that none is lost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message

from sutra_grid.runtime.standard_output import has_unicode


def message_to_dict(message: Message) -> dict[str, Any]:
    """All fields by their names on the wire. A field with presence that is not set is omitted."""
    values: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        if field.has_presence and not message.HasField(field.name):
            continue
        values[field.name] = _plain(getattr(message, field.name))
    return values


def to_json(value: Any, *, compact: bool = False) -> str:
    """JSON in one line if ``compact``, otherwise indented."""
    if compact:
        return json.dumps(value, ensure_ascii=not has_unicode(), separators=(",", ":"))
    return json.dumps(value, ensure_ascii=not has_unicode(), indent=2)


def to_yaml(value: Any) -> str:
    """YAML in the order of the fields, without a final newline."""
    import yaml

    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=has_unicode(), default_flow_style=False)
    return text.rstrip("\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return message_to_dict(value)
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value]
