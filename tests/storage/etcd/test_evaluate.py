"""What each request does and answers, without an engine's files and without threads."""

from __future__ import annotations

import pytest

from storage.memory_engine import MemoryEngine
from sutra_grid.storage.etcd import evaluate, ranges
from sutra_grid.storage.faults import Fault, KvError
from sutra_grid.storage.keyspace import Draft, load
from sutra_grid.wire import storage_pb2 as pb

R = pb.RangeRequest
C = pb.Compare


@pytest.fixture
def draft() -> Draft:
    """a=1 (revision 2), b=2 (3), c=3 (4), then a=9 (5): four drafts, one after the other."""
    engine = MemoryEngine()
    for key, value in [(b"a", b"1"), (b"b", b"2"), (b"c", b"3"), (b"a", b"9")]:
        change = Draft(load(engine.view()))
        change.put(key, value)
        engine.write(change.engine_changes())
    return Draft(load(engine.view()))


def keys(response: pb.RangeResponse) -> bytes:
    return b"".join(pair.key for pair in response.kvs)


class TestRange:
    def test_a_key_carries_its_revisions(self, draft: Draft) -> None:
        response = ranges.range_(draft, R(key=b"a"))
        assert list(response.kvs) == [pb.KeyValue(key=b"a", create_revision=2, mod_revision=5, version=2, value=b"9")]
        assert (response.header.revision, response.count, response.more) == (5, 1, False)

    def test_a_key_that_is_not_there(self, draft: Draft) -> None:
        response = ranges.range_(draft, R(key=b"x"))
        assert (list(response.kvs), response.count, response.header.revision) == ([], 0, 5)

    @pytest.mark.parametrize(
        ("options", "found", "more", "count"),
        [
            ({}, b"abc", False, 3),
            ({"limit": 2}, b"ab", True, 3),
            ({"limit": 3}, b"abc", False, 3),
            ({"limit": 2**63 - 1}, b"abc", False, 3),
            ({"sort_order": R.DESCEND}, b"cba", False, 3),
            ({"sort_order": R.ASCEND, "limit": 1}, b"a", True, 3),
            ({"sort_order": R.DESCEND, "limit": 1}, b"c", True, 3),
            ({"sort_target": R.MOD, "sort_order": R.ASCEND}, b"bca", False, 3),
            ({"sort_target": R.MOD, "sort_order": R.DESCEND, "limit": 2}, b"ac", True, 3),
            ({"sort_target": R.CREATE, "sort_order": R.DESCEND}, b"cba", False, 3),
            ({"sort_target": R.VERSION, "sort_order": R.DESCEND}, b"abc", False, 3),
            ({"sort_target": R.VALUE, "sort_order": R.ASCEND}, b"bca", False, 3),
            ({"sort_target": R.VALUE}, b"bca", False, 3),
            ({"min_mod_revision": 4}, b"ac", False, 3),
            ({"max_mod_revision": 4}, b"bc", False, 3),
            ({"min_create_revision": 3}, b"bc", False, 3),
            ({"max_create_revision": 2}, b"a", False, 3),
            ({"min_mod_revision": 3, "limit": 1}, b"a", True, 3),
            ({"sort_target": R.VALUE, "limit": 1}, b"b", True, 3),
            ({"sort_target": R.VALUE, "limit": 1, "min_mod_revision": 4}, b"c", True, 3),
            ({"count_only": True}, b"", False, 3),
            ({"serializable": True}, b"abc", False, 3),
        ],
    )
    def test_options(self, draft: Draft, options: dict, found: bytes, more: bool, count: int) -> None:
        response = ranges.range_(draft, R(key=b"\0", range_end=b"\0", **options))
        assert (keys(response), response.more, response.count) == (found, more, count)

    def test_keys_only_has_no_values(self, draft: Draft) -> None:
        response = ranges.range_(draft, R(key=b"a", range_end=b"c", keys_only=True))
        assert [(pair.key, pair.value, pair.version) for pair in response.kvs] == [(b"a", b"", 2), (b"b", b"", 1)]

    @pytest.mark.parametrize(
        ("revision", "fault"), [(4, Fault.COMPACTED), (1, Fault.COMPACTED), (6, Fault.FUTURE_REVISION)]
    )
    def test_only_the_newest_revision_is_there(self, draft: Draft, revision: int, fault: Fault) -> None:
        with pytest.raises(KvError) as caught:
            ranges.range_(draft, R(key=b"a", revision=revision))
        assert caught.value.fault is fault

    @pytest.mark.parametrize("revision", [5, 0, -1])
    def test_the_newest_revision_may_be_named(self, draft: Draft, revision: int) -> None:
        assert keys(ranges.range_(draft, R(key=b"a", revision=revision))) == b"a"


class TestLargeAnswers:
    @pytest.fixture
    def large(self, draft: Draft) -> Draft:
        for number in range(20):
            draft.put(b"large%02d" % number, bytes([number]) * (1 << 20))
        return draft

    @pytest.mark.parametrize("options", [{}, {"sort_order": R.DESCEND}, {"sort_target": R.MOD}, {"limit": 16}])
    def test_are_refused(self, large: Draft, options: dict) -> None:
        with pytest.raises(KvError, match="use limit"):
            ranges.range_(large, R(key=b"large", range_end=b"largf", **options))

    @pytest.mark.parametrize(
        ("options", "found"),
        [
            ({"limit": 1}, [b"large00"]),
            ({"limit": 1, "sort_order": R.DESCEND}, [b"large19"]),
            ({"limit": 1, "sort_order": R.ASCEND, "sort_target": R.VALUE}, [b"large00"]),
            ({"limit": 2, "sort_order": R.DESCEND, "sort_target": R.VALUE}, [b"large19", b"large18"]),
            ({"keys_only": True}, [b"large%02d" % number for number in range(20)]),
            ({"count_only": True}, []),
        ],
    )
    def test_are_avoided(self, large: Draft, options: dict, found: list[bytes]) -> None:
        response = ranges.range_(large, R(key=b"large", range_end=b"largf", **options))
        assert ([pair.key for pair in response.kvs], response.count) == (found, 20)

    @pytest.mark.parametrize("order", [R.NONE, R.ASCEND, R.DESCEND, 5])
    @pytest.mark.parametrize("target", [R.KEY, R.VERSION, R.VALUE, 9])
    @pytest.mark.parametrize("bounds", [{}, {"min_mod_revision": 1}])
    def test_the_item_after_a_page_does_not_count(self, draft: Draft, order: int, target: int, bounds: dict) -> None:
        for number in (0, 1, 1, 2, 2, 2):
            draft.put(b"large%d" % number, bytes([number]) * (8 << 20))
        request = R(key=b"large", range_end=b"largf", limit=1, sort_order=order, sort_target=target, **bounds)
        response = ranges.range_(draft, request)
        assert [pair.key for pair in response.kvs] == [b"large2" if order == R.DESCEND else b"large0"]
        assert (response.more, response.count) == (True, 3)

    def test_one_item_is_always_answered(self, draft: Draft) -> None:
        draft.put(b"large", bytes((15 << 20) + 1))
        assert len(ranges.range_(draft, R(key=b"large")).kvs) == 1

    def test_sorting_by_value_holds_no_more_than_a_response_has(self, large: Draft) -> None:
        for number in range(20, 40):
            large.put(b"large%02d" % number, bytes([number]) * (1 << 20))
        request = R(key=b"large", range_end=b"largf", sort_target=R.VALUE, sort_order=R.DESCEND)
        with pytest.raises(KvError, match="page to sort by value"):
            ranges.range_(large, request)
        request.limit = 3
        assert [pair.key for pair in ranges.range_(large, request).kvs] == [b"large39", b"large38", b"large37"]

    def test_a_range_can_be_deleted_but_not_answered(self, large: Draft) -> None:
        with pytest.raises(KvError, match="use limit"):
            evaluate.delete_range(large, pb.DeleteRangeRequest(key=b"large", range_end=b"largf", prev_kv=True))
        assert evaluate.delete_range(large, pb.DeleteRangeRequest(key=b"large", range_end=b"largf")).deleted == 20

    def test_a_transaction_counts_all_of_its_answers(self, large: Draft) -> None:
        gets = [get_op(b"large%02d" % number) for number in range(20)]
        with pytest.raises(KvError, match="use limit"):
            evaluate.txn(large, pb.TxnRequest(success=gets))


class TestPut:
    def test_a_new_key_begins_at_version_1(self, draft: Draft) -> None:
        response = evaluate.put(draft, pb.PutRequest(key=b"d", value=b"4", prev_kv=True))
        assert response.header.revision == 6
        assert not response.HasField("prev_kv")
        assert draft.get(b"d") == (6, 6, 1, b"4")

    def test_the_previous_value_is_answered_when_asked_for(self, draft: Draft) -> None:
        response = evaluate.put(draft, pb.PutRequest(key=b"a", value=b"4", prev_kv=True))
        assert (response.prev_kv.value, response.prev_kv.mod_revision) == (b"9", 5)
        assert draft.get(b"a") == (2, 6, 3, b"4")

    def test_ignore_value_keeps_the_value(self, draft: Draft) -> None:
        evaluate.put(draft, pb.PutRequest(key=b"b", ignore_value=True))
        assert draft.get(b"b") == (3, 6, 2, b"2")

    @pytest.mark.parametrize(
        ("request_", "fault"),
        [
            (pb.PutRequest(key=b"x", ignore_value=True), Fault.KEY_NOT_FOUND),
            (pb.PutRequest(key=b"x", ignore_lease=True), Fault.KEY_NOT_FOUND),
            (pb.PutRequest(key=b"a", lease=7), Fault.LEASE_NOT_FOUND),
        ],
    )
    def test_what_is_refused_changes_nothing(self, draft: Draft, request_: pb.PutRequest, fault: Fault) -> None:
        with pytest.raises(KvError) as caught:
            evaluate.put(draft, request_)
        assert caught.value.fault is fault
        assert not draft.changed

    @pytest.mark.parametrize("key", [b"a", b"x"])
    def test_a_lease_is_looked_up_before_the_key(self, draft: Draft, key: bytes) -> None:
        with pytest.raises(KvError) as caught:
            evaluate.put(draft, pb.PutRequest(key=key, lease=7, ignore_value=True))
        assert caught.value.fault is Fault.LEASE_NOT_FOUND


class TestDeleteRange:
    def test_of_a_key(self, draft: Draft) -> None:
        response = evaluate.delete_range(draft, pb.DeleteRangeRequest(key=b"a", prev_kv=True))
        assert (response.deleted, response.header.revision, response.prev_kvs[0].value) == (1, 6, b"9")
        assert draft.get(b"a") is None

    def test_of_a_range(self, draft: Draft) -> None:
        response = evaluate.delete_range(draft, pb.DeleteRangeRequest(key=b"b", range_end=b"\0"))
        assert (response.deleted, list(response.prev_kvs), draft.keys) == (2, [], 1)

    def test_of_nothing_raises_no_revision(self, draft: Draft) -> None:
        response = evaluate.delete_range(draft, pb.DeleteRangeRequest(key=b"x"))
        assert (response.deleted, response.header.revision, draft.changed) == (0, 5, False)

    def test_a_key_that_comes_back_is_new(self, draft: Draft) -> None:
        evaluate.delete_range(draft, pb.DeleteRangeRequest(key=b"a"))
        later = Draft(draft)
        evaluate.put(later, pb.PutRequest(key=b"a", value=b"1"))
        assert later.get(b"a") == (7, 7, 1, b"1")


def put_op(key: bytes, value: bytes = b"", **options: int) -> pb.RequestOp:
    return pb.RequestOp(request_put=pb.PutRequest(key=key, value=value, **options))


def get_op(key: bytes, **options: int) -> pb.RequestOp:
    return pb.RequestOp(request_range=R(key=key, **options))


def delete_op(key: bytes) -> pb.RequestOp:
    return pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=key))


def txn_op(request: pb.TxnRequest) -> pb.RequestOp:
    return pb.RequestOp(request_txn=request)


class TestTxn:
    def test_all_of_it_is_one_revision(self, draft: Draft) -> None:
        request = pb.TxnRequest(success=[put_op(b"x", b"1"), delete_op(b"a"), put_op(b"y", b"2"), get_op(b"x")])
        response = evaluate.txn(draft, request)
        assert response.succeeded
        assert response.header.revision == 6
        assert response.responses[3].response_range.kvs[0].value == b"1"
        assert {operation.WhichOneof("response") for operation in response.responses} == {
            "response_put",
            "response_delete_range",
            "response_range",
        }
        assert draft.get(b"x") == (6, 6, 1, b"1")
        assert draft.get(b"y") == (6, 6, 1, b"2")

    def test_reading_only_raises_no_revision(self, draft: Draft) -> None:
        assert evaluate.txn(draft, pb.TxnRequest(success=[get_op(b"a")])).header.revision == 5

    @pytest.mark.parametrize(
        ("compare", "holds"),
        [
            (C(key=b"a", target=C.VALUE, result=C.EQUAL, value=b"9"), True),
            (C(key=b"a", target=C.VALUE, result=C.NOT_EQUAL, value=b"9"), False),
            (C(key=b"a", target=C.VALUE, result=C.GREATER, value=b"8"), True),
            (C(key=b"a", target=C.VALUE, result=C.LESS, value=b"8"), False),
            (C(key=b"a", target=C.VERSION, result=C.EQUAL, version=2), True),
            (C(key=b"a", target=C.CREATE, result=C.EQUAL, create_revision=2), True),
            (C(key=b"a", target=C.MOD, result=C.GREATER, mod_revision=5), False),
            (C(key=b"a", target=C.LEASE, result=C.EQUAL, lease=0), True),
            (C(key=b"x", target=C.VERSION, result=C.EQUAL, version=0), True),
            (C(key=b"x", target=C.CREATE, result=C.EQUAL, create_revision=0), True),
            (C(key=b"x", target=C.VALUE, result=C.EQUAL, value=b""), False),
            (C(key=b"x", target=C.VALUE, result=C.NOT_EQUAL, value=b"1"), False),
            (C(key=b"a", range_end=b"\0", target=C.VERSION, result=C.GREATER, version=0), True),
            (C(key=b"a", range_end=b"\0", target=C.VERSION, result=C.GREATER, version=1), False),
            (C(key=b"x", range_end=b"\0", target=C.MOD, result=C.EQUAL, mod_revision=0), True),
        ],
    )
    def test_comparisons(self, draft: Draft, compare: pb.Compare, holds: bool) -> None:
        assert evaluate.txn(draft, pb.TxnRequest(compare=[compare])).succeeded is holds

    def test_every_comparison_must_hold(self, draft: Draft) -> None:
        good = C(key=b"a", target=C.VERSION, version=2)
        bad = C(key=b"b", target=C.VERSION, version=2)
        request = pb.TxnRequest(compare=[good, bad], success=[put_op(b"s")], failure=[put_op(b"f")])
        assert not evaluate.txn(draft, request).succeeded
        assert draft.get(b"s") is None
        assert draft.get(b"f") is not None

    def test_a_nested_one_compares_with_the_state_before(self, draft: Draft) -> None:
        inner = pb.TxnRequest(
            compare=[C(key=b"n", target=C.VERSION, version=0)], success=[get_op(b"n")], failure=[delete_op(b"b")]
        )
        response = evaluate.txn(draft, pb.TxnRequest(success=[put_op(b"n", b"1"), txn_op(inner)]))
        nested = response.responses[1].response_txn
        assert nested.succeeded
        assert nested.responses[0].response_range.kvs[0].value == b"1"

    def test_what_one_operation_is_refused_for_refuses_all(self, draft: Draft) -> None:
        with pytest.raises(KvError) as caught:
            evaluate.txn(draft, pb.TxnRequest(success=[put_op(b"x"), put_op(b"missing", ignore_value=True)]))
        assert caught.value.fault is Fault.KEY_NOT_FOUND
        assert not draft.changed

    def test_an_older_revision_in_it_is_compacted(self, draft: Draft) -> None:
        with pytest.raises(KvError) as caught:
            evaluate.txn(draft, pb.TxnRequest(success=[put_op(b"x"), get_op(b"a", revision=3)]))
        assert caught.value.fault is Fault.COMPACTED

    @pytest.mark.parametrize(
        ("operations", "fault"),
        [
            ([get_op(b"a", revision=9), put_op(b"x", ignore_value=True)], Fault.KEY_NOT_FOUND),
            ([put_op(b"x", ignore_value=True, lease=7)], Fault.KEY_NOT_FOUND),
            ([put_op(b"a", ignore_value=True, lease=7)], Fault.LEASE_NOT_FOUND),
            ([get_op(b"a", revision=9), get_op(b"a", revision=1)], Fault.FUTURE_REVISION),
            ([get_op(b"a", revision=-1), get_op(b"a", revision=9)], Fault.COMPACTED),
            ([txn_op(pb.TxnRequest(success=[get_op(b"a", revision=9)])), put_op(b"x", ignore_value=True)],
             Fault.KEY_NOT_FOUND),
        ],
    )  # fmt: skip
    def test_puts_are_checked_before_ranges(self, draft: Draft, operations: list[pb.RequestOp], fault: Fault) -> None:
        with pytest.raises(KvError) as caught:
            evaluate.txn(draft, pb.TxnRequest(success=operations))
        assert caught.value.fault is fault
        assert not draft.changed

    def test_the_revision_before_it_can_be_read_within_it(self, draft: Draft) -> None:
        request = pb.TxnRequest(success=[put_op(b"a", b"new"), get_op(b"a", revision=5), get_op(b"a")])
        _, before, after = evaluate.txn(draft, request).responses
        assert (before.response_range.kvs[0].value, after.response_range.kvs[0].value) == (b"9", b"new")
        assert before.response_range.header.revision == 6

    def test_a_put_that_needs_a_key_which_the_transaction_deleted_is_refused(self, draft: Draft) -> None:
        """etcd 3.4 ends with a panic."""
        everything = pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=b"\0", range_end=b"\0"))
        with pytest.raises(KvError) as caught:
            evaluate.txn(draft, pb.TxnRequest(success=[everything, put_op(b"a", ignore_value=True)]))
        assert caught.value.fault is Fault.KEY_NOT_FOUND

    @pytest.mark.parametrize("key", [b"a", b"x"])
    def test_an_unknown_comparison_holds(self, draft: Draft, key: bytes) -> None:
        compare = C(key=key, target=C.VERSION, result=9, version=7)
        assert evaluate.txn(draft, pb.TxnRequest(compare=[compare])).succeeded
