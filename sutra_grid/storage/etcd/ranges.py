"""Reading one key or a range: which items, in which order, and how many of them one response can carry. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any

from sutra_grid.storage.faults import Fault, KvError
from sutra_grid.storage.keyspace import KeySpace
from sutra_grid.storage.records import Record, key_range
from sutra_grid.wire import storage_pb2 as pb

MAX_ANSWER_BYTES = 15 << 20
"""Keys and values in one response: limited by the size of a message and by the node's memory."""
ITEM_BYTES = 40
"""The most that revisions, version and lengths add to a key."""
MAX_ITEMS = MAX_ANSWER_BYTES // ITEM_BYTES + 1
"""As many items exceed MAX_ANSWER_BYTES, whatever their keys: nothing needs to read further."""

Item = tuple[bytes, Record]

_SORT_KEYS: dict[int, Callable[[Item], Any]] = {
    pb.RangeRequest.KEY: lambda item: item[0],
    pb.RangeRequest.VERSION: lambda item: item[1].version,
    pb.RangeRequest.CREATE: lambda item: item[1].create_revision,
    pb.RangeRequest.MOD: lambda item: item[1].mod_revision,
    pb.RangeRequest.VALUE: lambda item: item[1].value,
}


def range_(space: KeySpace, request: pb.RangeRequest) -> pb.RangeResponse:
    """Read a key or a range at the newest revision; the request may name it, or none."""
    if request.revision > space.revision:
        raise KvError(Fault.FUTURE_REVISION)
    if 0 < request.revision < space.revision:
        raise KvError(Fault.COMPACTED)
    return read(space, request)


def read(space: KeySpace, request: pb.RangeRequest) -> pb.RangeResponse:
    """Read a key or a range of ``space``, whatever revision the request names."""
    response = pb.RangeResponse(header=pb.ResponseHeader(revision=space.revision))
    if request.count_only:
        response.count = _count(space, request)
        return response
    items, response.more = collected(_selected(space, request), request.limit)
    response.count = _count(space, request) if response.more or _bounded(request) else len(items)
    response.kvs.extend(key_value(key, record) for key, record in items)
    return response


def key_value(key: bytes, record: Record) -> pb.KeyValue:
    """A record as a message of the protocol."""
    return pb.KeyValue(
        key=key,
        create_revision=record.create_revision,
        mod_revision=record.mod_revision,
        version=record.version,
        value=record.value,
    )


def items_of(space: KeySpace, request: pb.RangeRequest | pb.DeleteRangeRequest | pb.Compare) -> Iterator[Item]:
    """The existing key, or the existing keys of the range, ascending."""
    if request.range_end:
        yield from space.scan(key_range(request.key, request.range_end))
    elif (record := space.get(request.key)) is not None:
        yield request.key, record


def collected(found: Iterable[Item], limit: int = 0) -> tuple[list[Item], bool]:
    """The items of one page, and whether there are more; 0 or a negative limit is none.

    Refuses a page that is larger than a response can be, before it fills the memory. An item after the page does
    not count, and a single item always fits: it came in one message.
    """
    items: list[Item] = []
    size = 0
    for item in found:
        if 0 < limit == len(items):
            return items, True
        size += _bytes_of(item)
        if items and size > MAX_ANSWER_BYTES:
            raise KvError(Fault.ANSWER_TOO_LARGE)
        items.append(item)
    return items, False


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


def _selected(space: KeySpace, request: pb.RangeRequest) -> Iterable[Item]:
    """The items of the request in its order: those of its page, and at least one more when there are more."""
    limit = min(request.limit, MAX_ITEMS) if request.limit > 0 else MAX_ITEMS
    found = items_of(space, request)
    if _bounded(request):
        found = (item for item in found if _within_bounds(request, item[1]))
    elif request.sort_order == pb.RangeRequest.NONE and request.sort_target != pb.RangeRequest.KEY:
        # As in etcd: a target without an order sorts only the first items by key, those of the page and one more.
        found = islice(found, limit + 1)
    ordered = _ordered(space, request, found, limit)
    return (_without_value(item) for item in ordered) if request.keys_only else ordered


def _ordered(space: KeySpace, request: pb.RangeRequest, found: Iterable[Item], limit: int) -> Iterable[Item]:
    """The first items in the order of the request, ``limit`` and one more. An unknown order or target is the key's.

    Keeps no more than the response needs, however long the range is.
    """
    target = request.sort_target if request.sort_target in _SORT_KEYS else pb.RangeRequest.KEY
    descends = request.sort_order == pb.RangeRequest.DESCEND
    unknown = request.sort_order > pb.RangeRequest.DESCEND or request.sort_order < pb.RangeRequest.NONE
    if unknown or (target == pb.RangeRequest.KEY and not descends):
        return found  # ascending by key already
    if target == pb.RangeRequest.VALUE:
        return _sorted_by_value(found, limit, descends)
    kept: list[Item] = []
    held = 0
    found = iter(found)
    for item in found:
        kept.append(item)
        held += _bytes_of(item)
        if held > MAX_ANSWER_BYTES:
            break
    else:
        return sorted(kept, key=_SORT_KEYS[target], reverse=descends)
    # Too much to hold: sort without the values, and read those of the page once more.
    first = heapq.nlargest if descends else heapq.nsmallest
    light = first(limit + 1, map(_without_value, chain(kept, found)), _SORT_KEYS[target])
    return ((key, record) for key, _ in light if (record := space.get(key)) is not None)


def _sorted_by_value(found: Iterable[Item], limit: int, descends: bool) -> list[Item]:
    """The first items by value: ``limit`` and one more. Holds twice what a response can carry."""
    kept: list[Item] = []
    held = 0

    def cut() -> None:
        kept.sort(key=_SORT_KEYS[pb.RangeRequest.VALUE], reverse=descends)
        del kept[limit + 1 :]

    for item in found:
        kept.append(item)
        held += _bytes_of(item)
        if held > 2 * MAX_ANSWER_BYTES or len(kept) > 2 * MAX_ITEMS:
            cut()
            if sum(map(_bytes_of, kept[:limit])) > MAX_ANSWER_BYTES:
                raise KvError(Fault.SORT_TOO_LARGE)
            held = sum(map(_bytes_of, kept))
    cut()
    return kept


def _without_value(item: Item) -> Item:
    return item[0], item[1]._replace(value=b"")


def _bytes_of(item: Item) -> int:
    return len(item[0]) + len(item[1].value) + ITEM_BYTES


def _within_bounds(request: pb.RangeRequest, record: Record) -> bool:
    return (
        record.mod_revision >= request.min_mod_revision
        and (not request.max_mod_revision or record.mod_revision <= request.max_mod_revision)
        and record.create_revision >= request.min_create_revision
        and (not request.max_create_revision or record.create_revision <= request.max_create_revision)
    )
