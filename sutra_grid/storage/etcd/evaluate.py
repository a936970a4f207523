"""The effect of each request on a key space, and its response. Pure: no engine, no threads.

Requests have passed ``checks``. A ``KvError`` means that the request has no effect: the caller drops
the draft. Responses have the revision in their header; the services fill in the rest. The rules are those
of etcd's ``server/etcdserver/txn``.
"""

from __future__ import annotations

import heapq
import operator
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from sutra_grid.storage.faults import Fault, KvError
from sutra_grid.storage.keyspace import Draft, KeySpace
from sutra_grid.storage.records import Record, key_range
from sutra_grid.wire import storage_pb2 as pb

MAX_ANSWER_BYTES = 15 << 20
"""Keys and values in one response: limited by the size of a message and by the node's memory."""
ITEM_BYTES = 40
"""The most that revisions, version and lengths add to a key."""

Item = tuple[bytes, Record]

_NOTHING = Record(0, 0, 0, b"")

_SORT_KEYS: dict[int, Callable[[Item], Any]] = {
    pb.RangeRequest.KEY: lambda item: item[0],
    pb.RangeRequest.VERSION: lambda item: item[1].version,
    pb.RangeRequest.CREATE: lambda item: item[1].create_revision,
    pb.RangeRequest.MOD: lambda item: item[1].mod_revision,
    pb.RangeRequest.VALUE: lambda item: item[1].value,
}

_COMPARISONS: dict[int, Callable[[Any, Any], bool]] = {
    pb.Compare.EQUAL: operator.eq,
    pb.Compare.GREATER: operator.gt,
    pb.Compare.LESS: operator.lt,
    pb.Compare.NOT_EQUAL: operator.ne,
}


def range_(space: KeySpace, request: pb.RangeRequest) -> pb.RangeResponse:
    """Read a key or a range."""
    _check_revision(space, request.revision)
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


def put(draft: Draft, request: pb.PutRequest) -> pb.PutResponse:
    """Write one key."""
    _check_put(draft, request)
    value = request.value
    if request.ignore_value and (record := draft.get(request.key)) is not None:
        value = record.value
    previous = draft.put(request.key, value)
    response = pb.PutResponse(header=pb.ResponseHeader(revision=draft.revision))
    if request.prev_kv and previous is not None:
        response.prev_kv.CopyFrom(key_value(request.key, previous))
    return response


def delete_range(draft: Draft, request: pb.DeleteRangeRequest) -> pb.DeleteRangeResponse:
    """Delete a key or a range."""
    response = pb.DeleteRangeResponse()
    found = _found(draft, request)
    if request.prev_kv:
        items = _collected(found)
        response.prev_kvs.extend(key_value(key, record) for key, record in items)
        keys = [key for key, _ in items]
    else:
        keys = [key for key, _ in found]
    for key in keys:
        draft.delete(key)
    response.deleted = len(keys)
    response.header.revision = draft.revision
    return response


def txn(draft: Draft, request: pb.TxnRequest) -> pb.TxnResponse:
    """Compare, then run one branch. Comparisons of nested transactions see the state before the outer one."""
    path = list(_compared_path(draft, request))
    _check_branch(draft, request, iter(path))
    response = _execute(draft, request, iter(path))
    response.header.revision = draft.revision
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


def _check_revision(space: KeySpace, revision: int) -> None:
    if revision > space.revision:
        raise KvError(Fault.FUTURE_REVISION)
    if 0 < revision < space.revision:
        raise KvError(Fault.COMPACTED)


def _check_put(space: KeySpace, request: pb.PutRequest) -> None:
    if (request.ignore_value or request.ignore_lease) and space.get(request.key) is None:
        raise KvError(Fault.KEY_NOT_FOUND)
    if request.lease:
        raise KvError(Fault.LEASE_NOT_FOUND)


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
    found = _found(space, request)
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
                return _collected(heapq.nlargest(most, found, sort_key))
            return sorted(_collected(found), key=sort_key, reverse=True)
        case pb.RangeRequest.ASCEND if not by_key:
            if most is not None:
                return _collected(heapq.nsmallest(most, found, sort_key))
            return sorted(_collected(found), key=sort_key)
        case _:
            items = _collected(islice(found, most))
            return items if by_key else sorted(items, key=sort_key)


def _found(space: KeySpace, request: pb.RangeRequest | pb.DeleteRangeRequest | pb.Compare) -> Iterator[Item]:
    """The existing key, or the existing keys of the range, ascending."""
    if request.range_end:
        yield from space.scan(key_range(request.key, request.range_end))
    elif (record := space.get(request.key)) is not None:
        yield request.key, record


def _collected(found: Iterable[Item]) -> list[Item]:
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


def _compared_path(space: KeySpace, request: pb.TxnRequest) -> Iterator[bool]:
    """The branch that this and each nested transaction takes, in the order of execution."""
    succeeded = all(_compare(space, compare) for compare in request.compare)
    yield succeeded
    for operation in request.success if succeeded else request.failure:
        if operation.HasField("request_txn"):
            yield from _compared_path(space, operation.request_txn)


def _compare(space: KeySpace, compare: pb.Compare) -> bool:
    holds: Callable[[Any, Any], bool] = _COMPARISONS.get(compare.result, operator.eq)
    exists = False
    for _, record in _found(space, compare):
        exists = True
        if not holds(*_operands(compare, record)):
            return False
    if exists:
        return True
    # A missing value is neither equal nor unequal to anything; missing revisions and versions are 0.
    return compare.target != pb.Compare.VALUE and holds(*_operands(compare, _NOTHING))


def _operands(compare: pb.Compare, record: Record) -> tuple[Any, Any]:
    match compare.target:
        case pb.Compare.VERSION:
            return record.version, compare.version
        case pb.Compare.CREATE:
            return record.create_revision, compare.create_revision
        case pb.Compare.MOD:
            return record.mod_revision, compare.mod_revision
        case pb.Compare.VALUE:
            return record.value, compare.value
        case _:
            return 0, compare.lease


def _check_branch(space: KeySpace, request: pb.TxnRequest, path: Iterator[bool]) -> None:
    """Refuse the whole transaction, before it has any effect, for the same causes as etcd."""
    for operation in request.success if next(path) else request.failure:
        match operation.WhichOneof("request"):
            case "request_range":
                _check_revision(space, operation.request_range.revision)
            case "request_put":
                _check_put(space, operation.request_put)
            case "request_txn":
                _check_branch(space, operation.request_txn, path)


def _execute(draft: Draft, request: pb.TxnRequest, path: Iterator[bool]) -> pb.TxnResponse:
    succeeded = next(path)
    response = pb.TxnResponse(header=pb.ResponseHeader(), succeeded=succeeded)
    size = 0
    for operation in request.success if succeeded else request.failure:
        answer = response.responses.add()
        match operation.WhichOneof("request"):
            case "request_range":
                answer.response_range.CopyFrom(range_(draft, operation.request_range))
            case "request_put":
                answer.response_put.CopyFrom(put(draft, operation.request_put))
            case "request_delete_range":
                answer.response_delete_range.CopyFrom(delete_range(draft, operation.request_delete_range))
            case "request_txn":
                answer.response_txn.CopyFrom(_execute(draft, operation.request_txn, path))
        size += answer.ByteSize()
        if size > MAX_ANSWER_BYTES:
            raise KvError(Fault.ANSWER_TOO_LARGE)
    return response
