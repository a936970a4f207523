"""Which refused requests are nested too deep."""

from __future__ import annotations

import os

import pytest

from sutra_grid.wire import storage_pb2 as pb
from sutra_grid.wire.server.nesting import MAX_DEPTH, MAX_FIELDS, is_too_deep, request_of

TXN = pb.TxnRequest.DESCRIPTOR


def nested(depth: int) -> bytes:
    """``depth`` messages in each other: a transaction in an operation in a transaction, each in a short message."""
    data = b""
    for level in range(depth):
        size = len(data)
        data = (b"\x22" if level % 2 == depth % 2 else b"\x12") + bytes([size & 0x7F | 0x80, size >> 7]) + data
    return data


@pytest.mark.parametrize(("depth", "deep"), [(0, False), (MAX_DEPTH, False), (MAX_DEPTH + 2, True), (2_000, True)])
def test_depth_is_counted(depth: int, deep: bool) -> None:
    assert is_too_deep(nested(depth), TXN) is deep


def test_what_is_read_is_not_too_deep() -> None:
    pb.TxnRequest.FromString(nested(MAX_DEPTH))


@pytest.mark.parametrize(
    "data",
    [b"\xff" * 50, b"\x12", b"\x12\xff", b"\x12\x05a", b"\x0b\x0c", os.urandom(5_000), b"\x38\x01" * MAX_FIELDS * 2],
)
def test_noise_is_not_too_deep(data: bytes) -> None:
    assert not is_too_deep(data, TXN)


def test_the_type_of_requests_is_found_by_the_path() -> None:
    assert request_of("/etcdserverpb.KV/Txn") is TXN
    assert request_of("/etcdserverpb.KV/Unknown") is None
    assert request_of("/unknown.Service/Txn") is None
    assert request_of("") is None
