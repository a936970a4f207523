"""Checks of requests before any key is read. Pure.

The order and the rules are those of etcd's ``v3rpc/key.go``.
"""

from __future__ import annotations

from collections.abc import Iterable

from sutra_grid.storage.faults import Fault, KvError
from sutra_grid.storage.records import FROM_KEY, KeyRange, key_range
from sutra_grid.wire import storage_pb2 as pb

MAX_TXN_OPERATIONS = 128
"""etcd's default; counted along the deepest nesting."""
MAX_NESTING = 40
"""Transactions within a transaction. protobuf for C++, Java and Python reads messages up to 100 deep, which is 49
levels; a response needs one more for its keys. etcd itself has no limit but MAX_TXN_OPERATIONS."""
MAX_REQUEST_BYTES = 1536 * 1024
"""etcd's default for an entry of its log."""
LOG_ENTRY_BYTES = 18
"""What etcd adds to a write before it compares it with MAX_REQUEST_BYTES; 17 on some of its members."""
MAX_RECEIVED_BYTES = MAX_REQUEST_BYTES + 512 * 1024
"""etcd's default for a message, also of a read."""

_KvRequest = pb.RangeRequest | pb.PutRequest | pb.DeleteRangeRequest | pb.TxnRequest | pb.CompactionRequest


def check_received(request: _KvRequest) -> None:
    """Refuse a message that etcd would not receive."""
    size = request.ByteSize()
    if size > MAX_RECEIVED_BYTES:
        raise KvError(Fault.MESSAGE_TOO_LARGE, f" ({size} vs. {MAX_RECEIVED_BYTES})")


def check_size(request: pb.PutRequest | pb.DeleteRangeRequest | pb.TxnRequest) -> None:
    """Refuse a write that is too long."""
    if request.ByteSize() + LOG_ENTRY_BYTES > MAX_REQUEST_BYTES:
        raise KvError(Fault.REQUEST_TOO_LARGE)


def check_key(request: pb.RangeRequest | pb.DeleteRangeRequest | pb.Compare) -> None:
    """Refuse the empty key."""
    if not request.key:
        raise KvError(Fault.EMPTY_KEY)


def check_put(request: pb.PutRequest) -> None:
    """Refuse an empty key, and options that contradict each other."""
    if not request.key:
        raise KvError(Fault.EMPTY_KEY)
    if request.ignore_value and request.value:
        raise KvError(Fault.VALUE_PROVIDED)
    if request.ignore_lease and request.lease:
        raise KvError(Fault.LEASE_PROVIDED)


def check_txn(request: pb.TxnRequest, max_operations: int = MAX_TXN_OPERATIONS) -> None:
    """Refuse a transaction with invalid keys, too many operations or overlaps, also in nested ones."""
    _check_operations(request, max_operations, MAX_NESTING)
    for branch in (request.success, request.failure):
        _check_overlaps(branch)


def is_read_only(request: pb.TxnRequest) -> bool:
    """Whether neither branch writes."""
    for operation in (*request.success, *request.failure):
        kind = operation.WhichOneof("request")
        if kind in ("request_put", "request_delete_range"):
            return False
        if kind == "request_txn" and not is_read_only(operation.request_txn):
            return False
    return True


def has_ranges_only(request: pb.TxnRequest) -> bool:
    """Whether etcd takes the transaction as it came: without a nested one, and without a write.

    All others go through etcd's log, which has a limit for their size.
    """
    return all(operation.HasField("request_range") for operation in (*request.success, *request.failure))


def open_ends(*requests: pb.RangeRequest | pb.Compare) -> None:
    """Let a range whose end was sent as an empty value reach to the last key.

    etcd does so for requests that do not go through its log; the log does not keep empty values.
    """
    for request in requests:
        if request.HasField("range_end") and not request.range_end:
            request.range_end = FROM_KEY


def _check_operations(request: pb.TxnRequest, max_operations: int, max_nesting: int) -> None:
    widest = max(len(request.compare), len(request.success), len(request.failure))
    if widest > max_operations:
        raise KvError(Fault.TOO_MANY_OPERATIONS)
    for compare in request.compare:
        check_key(compare)
    for operation in (*request.success, *request.failure):
        match operation.WhichOneof("request"):
            case "request_range":
                check_key(operation.request_range)
            case "request_put":
                check_put(operation.request_put)
            case "request_delete_range":
                check_key(operation.request_delete_range)
            case "request_txn":
                if not max_nesting:
                    raise KvError(Fault.NESTED_TOO_DEEP)
                _check_operations(operation.request_txn, max_operations - widest, max_nesting - 1)
            case _:
                raise KvError(Fault.KEY_NOT_FOUND)


def _check_overlaps(operations: Iterable[pb.RequestOp]) -> tuple[set[bytes], list[KeyRange]]:
    """Refuse a branch that could change a key twice. Returns the keys it puts and the ranges it deletes.

    Only one branch of a nested transaction runs, so the two may share keys. As in etcd, a deletion up to the last
    key overlaps with nothing: its puts are done in their order.
    """
    deletes = [
        key_range(operation.request_delete_range.key, operation.request_delete_range.range_end)
        for operation in operations
        if operation.HasField("request_delete_range") and operation.request_delete_range.range_end != FROM_KEY
    ]
    puts: set[bytes] = set()
    for operation in operations:
        if operation.HasField("request_txn"):
            then_puts, then_deletes = _check_overlaps(operation.request_txn.success)
            else_puts, else_deletes = _check_overlaps(operation.request_txn.failure)
            _add_puts(puts, then_puts | else_puts, deletes)
            deletes += then_deletes + else_deletes
    for operation in operations:
        if operation.HasField("request_put"):
            _add_puts(puts, {operation.request_put.key}, deletes)
    return puts, deletes


def _add_puts(puts: set[bytes], more: set[bytes], deletes: list[KeyRange]) -> None:
    if puts & more or any(key in deleted for key in more for deleted in deletes):
        raise KvError(Fault.DUPLICATE_KEY)
    puts |= more
