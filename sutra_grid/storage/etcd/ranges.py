"""Reading one key or a range: which items, in which order, and how many of them one response can carry. Pure."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from sutra_grid.storage.faults import Fault, KvError
from sutra_grid.storage.keyspace import KeySpace
from sutra_grid.storage.records import Record, key_range
from sutra_grid.wire import storage_pb2 as pb

MAX_ANSWER_BYTES = 15 << 20
"""Keys and values in one response: limited by the size of a message and by the node's memory."""
ITEM_BYTES = 40
"""The most that revisions, version and lengths add to a key."""

Item = tuple[bytes, Record]

_SORT_KEYS: dict[int, Callable[[Item], Any]] = {
    pb.RangeRequest.KEY: lambda item: item[0],
    pb.RangeRequest.VERSION: lambda item: item[1].version,
    pb.RangeRequest.CREATE: lambda item: item[1].create_revision,
    pb.RangeRequest.MOD: lambda item: item[1].mod_revision,
    pb.RangeRequest.VALUE: lambda item: item[1].value,
}


def range_(space: KeySpace, request: pb.RangeRequest) -> pb.RangeResponse:
    """Read a key or a range."""
    check_revision(space, request.revision)
    response = pb.RangeResponse(header=pb.ResponseHeader(revision=space.revision))
    if request.count_only:
        response.count = _count(space, request)
        return response
    items = _selected(space, request)
    response.more = 0 < request.limit < len(items)
    response.count = _count(space, request) if response.more or _bounded(request) else len(items)
    if response.more:
        del items[request.limit :]
    response.kvs.extend(key_value(key, record, with_value=not request.keys_only) for key, record in items)
    return response


def key_value(key: bytes, record: Record, *, with_value: bool = True) -> pb.KeyValue:
    """A record as a message of the protocol."""
    return pb.KeyValue(
        key=key,
        create_revision=record.create_revision,
        mod_revision=record.mod_revision,
        version=record.version,
        value=record.value if with_value else b"",
    )


def check_revision(space: KeySpace, revision: int) -> None:
    if revision > space.revision:
        raise KvError(Fault.FUTURE_REVISION)
    if 0 < revision < space.revision:
        raise KvError(Fault.COMPACTED)


def _bounded(request: pb.RangeRequest) -> bool:
    return bool(
        request.min_mod_revision
        or request.max_mod_revision
        or request.min_create_revision
        or request.max_create_revision
    )


def _count(space: KeySpace, request: pb.RangeRequest) -> int:
    if request.range_end:
        return space.count(key_range(request.key, request.range_end))
    return int(space.get(request.key) is not None)


def _selected(space: KeySpace, request: pb.RangeRequest) -> list[Item]:
    """The items of the request in its order, and one more when there are more than its limit.

    Keeps only as many items as the response needs, however long the range is. As in etcd, a sort target
    without an order sorts ascending, but only the items within the limit.
    """
    found = items_of(space, request)
    if request.keys_only and request.sort_target != pb.RangeRequest.VALUE:
        found = ((key, record._replace(value=b"")) for key, record in found)
    if _bounded(request):
        found = (item for item in found if _within_bounds(request, item[1]))
    # No list is longer than sys.maxsize, and islice accepts nothing larger.
    most = min(request.limit + 1, sys.maxsize) if request.limit > 0 else None
    by_key = request.sort_target == pb.RangeRequest.KEY
    sort_key = _SORT_KEYS.get(request.sort_target, _SORT_KEYS[pb.RangeRequest.KEY])
    order = request.sort_order
    if order == pb.RangeRequest.NONE and _bounded(request):
        order = pb.RangeRequest.ASCEND  # with bounds, the limit applies last
    match order:
        case pb.RangeRequest.DESCEND:
            if most is not None:
                return collected(heapq.nlargest(most, found, sort_key))
            return sorted(collected(found), key=sort_key, reverse=True)
        case pb.RangeRequest.ASCEND if not by_key:
            if most is not None:
                return collected(heapq.nsmallest(most, found, sort_key))
            return sorted(collected(found), key=sort_key)
        case _:
            items = collected(islice(found, most))
            return items if by_key else sorted(items, key=sort_key)


def items_of(space: KeySpace, request: pb.RangeRequest | pb.DeleteRangeRequest | pb.Compare) -> Iterator[Item]:
    """The existing key, or the existing keys of the range, ascending."""
    if request.range_end:
        yield from space.scan(key_range(request.key, request.range_end))
    elif (record := space.get(request.key)) is not None:
        yield request.key, record


def collected(found: Iterable[Item]) -> list[Item]:
    """All items as a list. Refuses more than a response can hold, before they fill the memory."""
    items = []
    size = 0
    for item in found:
        size += len(item[0]) + len(item[1].value) + ITEM_BYTES
        if size > MAX_ANSWER_BYTES:
            raise KvError(Fault.ANSWER_TOO_LARGE)
        items.append(item)
    return items


def _within_bounds(request: pb.RangeRequest, record: Record) -> bool:
    return (
        record.mod_revision >= request.min_mod_revision
        and (not request.max_mod_revision or record.mod_revision <= request.max_mod_revision)
        and record.create_revision >= request.min_create_revision
        and (not request.max_create_revision or record.create_revision <= request.max_create_revision)
    )
