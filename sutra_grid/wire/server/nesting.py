"""Whether a request that could not be decoded is nested too deep, which protobuf does not say."""

from __future__ import annotations

from typing import Final

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor

MAX_DEPTH: Final = 100
"""Messages within a message, as protobuf for C++, Java and Python reads them by default."""
MAX_FIELDS: Final = 20_000
"""How many fields are looked at, about 20 ms: whoever sends noise must not keep the server busy."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES: Final = {_FIXED64: 8, _FIXED32: 4}


def request_of(path: str) -> Descriptor | None:
    """The type of the requests of ``/package.Service/Method``; None when it is not known."""
    service, _, method = path.removeprefix("/").rpartition("/")
    try:
        found = descriptor_pool.Default().FindServiceByName(service).methods_by_name[method]
    except KeyError:
        return None
    return found.input_type


def is_too_deep(data: bytes, descriptor: Descriptor) -> bool:
    """Whether ``data`` nests messages more than ``MAX_DEPTH`` deep. False for noise, and for what is too long."""
    fields = 0
    waiting = [(0, len(data), descriptor, 0)]
    while waiting:
        at, end, message, depth = waiting.pop()
        if depth > MAX_DEPTH:
            return True
        while at < end:
            fields += 1
            tag, at = _varint(data, at)
            kind = tag & 7
            size, at = _varint(data, at) if kind in (_VARINT, _BYTES) else (_SIZES.get(kind, -1), at)
            if size < 0 or fields > MAX_FIELDS:
                return False
            if kind == _VARINT:
                continue
            field = message.fields_by_number.get(tag >> 3)
            if kind == _BYTES and field is not None and field.message_type is not None:
                waiting.append((at, min(at + size, end), field.message_type, depth + 1))
            at += size
    return False


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at ``at``, and where it ends; -1 and the end of the data when there is none."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    return -1, len(data)
