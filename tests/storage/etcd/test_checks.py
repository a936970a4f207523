"""Requests that are refused before anything is read, in etcd's words."""

from __future__ import annotations

import pytest

from storage.etcd.test_evaluate import delete_op, get_op, put_op, txn_op
from sutra_grid.storage.etcd import checks
from sutra_grid.storage.faults import Fault, KvError
from sutra_grid.wire import storage_pb2 as pb


def deletion(key: bytes, range_end: bytes = b"") -> pb.RequestOp:
    return pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=key, range_end=range_end))


def nested(success: list[pb.RequestOp], failure: list[pb.RequestOp] | None = None) -> pb.RequestOp:
    return txn_op(pb.TxnRequest(success=success, failure=failure or []))


@pytest.mark.parametrize(
    ("operations", "fault"),
    [
        ([put_op(b"")], Fault.EMPTY_KEY),
        ([get_op(b"")], Fault.EMPTY_KEY),
        ([delete_op(b"")], Fault.EMPTY_KEY),
        ([nested([get_op(b"")])], Fault.EMPTY_KEY),
        ([pb.RequestOp()], Fault.KEY_NOT_FOUND),
        ([put_op(b"a", b"1", ignore_value=True)], Fault.VALUE_PROVIDED),
        ([put_op(b"a"), put_op(b"a")], Fault.DUPLICATE_KEY),
        ([put_op(b"a"), deletion(b"a")], Fault.DUPLICATE_KEY),
        ([deletion(b"a", b"c"), put_op(b"b")], Fault.DUPLICATE_KEY),
        ([deletion(b"a", b"c"), nested([put_op(b"b")])], Fault.DUPLICATE_KEY),
        ([put_op(b"a"), nested([], [put_op(b"a")])], Fault.DUPLICATE_KEY),
        ([nested([put_op(b"a")]), nested([put_op(b"a")])], Fault.DUPLICATE_KEY),
        ([nested([deletion(b"a")]), put_op(b"a")], Fault.DUPLICATE_KEY),
        ([put_op(b"%d" % number) for number in range(129)], Fault.TOO_MANY_OPERATIONS),
        ([nested([put_op(b"%d" % number) for number in range(128)])], Fault.TOO_MANY_OPERATIONS),
    ],
)
def test_a_branch_is_refused(operations: list[pb.RequestOp], fault: Fault) -> None:
    for request in (pb.TxnRequest(success=operations), pb.TxnRequest(failure=operations)):
        with pytest.raises(KvError) as caught:
            checks.check_txn(request)
        assert caught.value.fault is fault


@pytest.mark.parametrize(
    "operations",
    [
        [],
        [deletion(b"a"), deletion(b"a")],
        [deletion(b"a", b"c"), put_op(b"c")],
        [deletion(b"c", b"a"), put_op(b"b")],
        [deletion(b"a", b"\0"), put_op(b"b"), nested([put_op(b"c")])],
        [nested([put_op(b"a")], [put_op(b"a")])],
        [get_op(b"a"), put_op(b"a"), get_op(b"a")],
        [put_op(b"%d" % number) for number in range(128)],
        [nested([put_op(b"%d" % number) for number in range(127)])],
    ],
)
def test_a_branch_is_accepted(operations: list[pb.RequestOp]) -> None:
    checks.check_txn(pb.TxnRequest(success=operations, failure=operations))


def test_a_comparison_needs_a_key() -> None:
    with pytest.raises(KvError, match="key is not provided"):
        checks.check_txn(pb.TxnRequest(compare=[pb.Compare()]))


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        (pb.PutRequest(), Fault.EMPTY_KEY),
        (pb.PutRequest(key=b"a", value=b"1", ignore_value=True), Fault.VALUE_PROVIDED),
        (pb.PutRequest(key=b"a", lease=1, ignore_lease=True), Fault.LEASE_PROVIDED),
    ],
)
def test_a_put_that_contradicts_itself(request_: pb.PutRequest, fault: Fault) -> None:
    with pytest.raises(KvError) as caught:
        checks.check_put(request_)
    assert caught.value.fault is fault


def test_a_request_may_have_one_and_a_half_mebibytes() -> None:
    checks.check_size(pb.PutRequest(key=b"a", value=bytes(1536 * 1024 - 18 - 7)))
    with pytest.raises(KvError, match="request is too large"):
        checks.check_size(pb.PutRequest(key=b"a", value=bytes(1536 * 1024 - 18 - 6)))


def test_a_message_may_have_two_mebibytes() -> None:
    request = pb.RangeRequest(key=bytes(2**21 - 4))
    checks.check_received(request)
    request.key += b"a"
    with pytest.raises(KvError, match=r"received message larger than max \(2097153 vs. 2097152\)"):
        checks.check_received(request)


def test_transactions_are_nested_up_to_a_limit() -> None:
    operation = get_op(b"a")
    for _ in range(checks.MAX_NESTING):
        operation = nested([operation])
    checks.check_txn(pb.TxnRequest(failure=[operation]))
    with pytest.raises(KvError, match=f"nested more than {checks.MAX_NESTING} levels"):
        checks.check_txn(pb.TxnRequest(failure=[nested([operation])]))


@pytest.mark.parametrize(
    ("operations", "read_only"),
    [
        ([], True),
        ([get_op(b"a"), nested([get_op(b"a")])], True),
        ([get_op(b"a"), nested([], [delete_op(b"a")])], False),
        ([put_op(b"a")], False),
    ],
)
def test_a_transaction_that_cannot_write_is_known(operations: list[pb.RequestOp], read_only: bool) -> None:
    assert checks.is_read_only(pb.TxnRequest(success=operations)) is read_only
    assert checks.is_read_only(pb.TxnRequest(failure=operations)) is read_only
