"""The effect of each request on a key space, and its response. Pure: no engine, no threads.

Requests have passed ``checks``. A ``KvError`` means that the request has no effect: the caller drops
the draft. Responses have the revision in their header; the services fill in the rest. The rules are those
of etcd's ``server/etcdserver/txn``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from sutra_grid.storage.etcd.ranges import MAX_ANSWER_BYTES, collected, items_of, key_value, read
from sutra_grid.storage.faults import Fault, KvError
from sutra_grid.storage.keyspace import Draft, KeySpace
from sutra_grid.storage.records import Record
from sutra_grid.wire import storage_pb2 as pb

_NOTHING = Record(0, 0, 0, b"")

_COMPARISONS: dict[int, Callable[[Any, Any], bool]] = {
    pb.Compare.EQUAL: operator.eq,
    pb.Compare.GREATER: operator.gt,
    pb.Compare.LESS: operator.lt,
    pb.Compare.NOT_EQUAL: operator.ne,
}


def put(draft: Draft, request: pb.PutRequest) -> pb.PutResponse:
    """Write one key. As in etcd, an unknown lease is found before a missing key, other than in a transaction."""
    if request.lease:
        raise KvError(Fault.LEASE_NOT_FOUND)
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
    found = items_of(draft, request)
    if request.prev_kv:
        items, _ = collected(found)
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
    _check_operations(draft, list(_operations(request, iter(path))))
    response = _execute(draft, request, iter(path))
    response.header.revision = draft.revision
    return response


def _check_put(space: KeySpace, request: pb.PutRequest) -> None:
    if (request.ignore_value or request.ignore_lease) and space.get(request.key) is None:
        raise KvError(Fault.KEY_NOT_FOUND)
    if request.lease:
        raise KvError(Fault.LEASE_NOT_FOUND)


def _compared_path(space: KeySpace, request: pb.TxnRequest) -> Iterator[bool]:
    """The branch that this and each nested transaction takes, in the order of execution."""
    succeeded = all(_compare(space, compare) for compare in request.compare)
    yield succeeded
    for operation in request.success if succeeded else request.failure:
        if operation.HasField("request_txn"):
            yield from _compared_path(space, operation.request_txn)


def _compare(space: KeySpace, compare: pb.Compare) -> bool:
    # An unknown comparison holds, as in etcd.
    holds: Callable[[Any, Any], bool] = _COMPARISONS.get(compare.result, lambda found, given: True)
    exists = False
    for _, record in items_of(space, compare):
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
        case pb.Compare.LEASE:
            return 0, compare.lease
        case _:
            return 0, 0  # an unknown target is equal, as in etcd


def _operations(request: pb.TxnRequest, path: Iterator[bool]) -> Iterator[pb.RequestOp]:
    """What the transaction and its nested ones do on ``path``, in the order of execution."""
    for operation in request.success if next(path) else request.failure:
        if operation.HasField("request_txn"):
            yield from _operations(operation.request_txn, path)
        else:
            yield operation


def _check_operations(space: KeySpace, operations: list[pb.RequestOp]) -> None:
    """Refuse the whole transaction, before it has any effect, for the same causes as etcd and in its order.

    Unlike outside of a transaction, a negative revision is an old one.
    """
    for operation in operations:
        if operation.HasField("request_put"):
            _check_put(space, operation.request_put)
    for operation in operations:
        if operation.HasField("request_range") and (revision := operation.request_range.revision):
            if revision > space.revision:
                raise KvError(Fault.FUTURE_REVISION)
            if revision < space.revision:
                raise KvError(Fault.COMPACTED)


def _execute(draft: Draft, request: pb.TxnRequest, path: Iterator[bool]) -> pb.TxnResponse:
    succeeded = next(path)
    response = pb.TxnResponse(header=pb.ResponseHeader(), succeeded=succeeded)
    size = 0
    for operation in request.success if succeeded else request.failure:
        answer = response.responses.add()
        match operation.WhichOneof("request"):
            case "request_range":
                answer.response_range.CopyFrom(_read(draft, operation.request_range))
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


def _read(draft: Draft, request: pb.RangeRequest) -> pb.RangeResponse:
    """A range within a transaction. One that names a revision names that before the transaction."""
    response = read(draft.base if request.revision else draft, request)
    response.header.revision = draft.revision
    return response
