"""A real node and a real etcd 3.4 (Debian's package etcd-server) get the same requests and give the same answers."""

from __future__ import annotations

import itertools
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.etcd.comparison import Pair
from storage.etcd.real_etcd import RealEtcd
from storage.etcd.test_evaluate import delete_op, get_op, put_op, txn_op
from storage.server import StorageServer
from sutra_grid.storage.etcd.checks import MAX_NESTING, MAX_RECEIVED_BYTES, MAX_REQUEST_BYTES
from sutra_grid.wire import storage_pb2 as pb

LONGEST_ENTRY = MAX_REQUEST_BYTES - 18
"""The longest write that fits into etcd's log; some members have room for one byte more."""
EMPTY_END = b"\x12\x00"
"""A range_end that is sent, and empty."""
COMPACTED = ("OUT_OF_RANGE", "etcdserver: mvcc: required revision has been compacted")
TOO_LARGE = ("INVALID_ARGUMENT", "etcdserver: request is too large")


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """In memory where that is: etcd syncs each write twice."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture(scope="module")
def servers(directory: Path) -> Iterator[Pair]:
    with RealEtcd(directory) as etcd, StorageServer(directory / "store") as node:
        pair = Pair(node.address, etcd.address)
        yield pair
        pair.close()


@pytest.fixture
def pair(servers: Pair) -> Pair:
    """Both with the keys a to e alone, in five revisions."""
    servers.align()
    for key in (b"a", b"b", b"c", b"d", b"e"):
        servers.same(pb.PutRequest(key=key, value=b"1"))
    return servers


def everything(pair: Pair) -> bytes:
    """The keys, which both have with the same values and versions."""
    return b"".join(item.key for item in pair.same(pb.RangeRequest(key=b"\0", range_end=b"\0")).kvs)


def delete_to_end(key: bytes = b"\0") -> pb.RequestOp:
    return pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=key, range_end=b"\0"))


def nested(levels: int, innermost: pb.RequestOp) -> bytes:
    """A transaction with as many others in each other, as bytes: no library writes more than 50."""
    data = pb.TxnRequest(success=[innermost]).SerializeToString()
    for _ in range(levels):
        operation = b"\x22" + length(data) + data
        data = b"\x12" + length(operation) + operation
    return data


def length(data: bytes) -> bytes:
    """The number of bytes, as it stands before them."""
    number = len(data)
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def test_random_requests_have_the_same_answers(pair: Pair) -> None:
    pair.run(seed=20_221, requests=700)
    pair.align()
    pair.run(seed=20_222, requests=300, wide=True)


@pytest.mark.soak
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("seed", random.Random(34).sample(range(100_000), 3))
def test_many_random_requests_have_the_same_answers(pair: Pair, seed: int, wide: bool) -> None:
    pair.run(seed, requests=15_000, wide=wide)


@pytest.mark.parametrize(
    ("operations", "left"),
    [
        ([delete_to_end(), put_op(b"x")], b"x"),
        ([put_op(b"x"), delete_to_end()], b""),
        ([put_op(b"c"), delete_to_end(b"b"), put_op(b"d")], b"ad"),
        ([delete_to_end(b"c"), txn_op(pb.TxnRequest(success=[put_op(b"d")]))], b"abd"),
        ([txn_op(pb.TxnRequest(success=[delete_to_end()])), put_op(b"a")], b"a"),
    ],
)
def test_a_deletion_to_the_last_key_and_puts_are_one_transaction(
    pair: Pair, operations: list[pb.RequestOp], left: bytes
) -> None:
    assert pair.same(pb.TxnRequest(success=operations)).succeeded
    assert everything(pair) == left


def test_an_empty_end_that_is_sent_is_read_as_etcd_reads_it(pair: Pair) -> None:
    """npm's ``inRange`` sends one. A range that does not go through etcd's log reaches to the last key."""
    to_end = pb.RangeRequest(key=b"c", range_end=b"")
    assert to_end.SerializeToString().endswith(EMPTY_END)
    assert pair.same(to_end).count == 3
    answer = pair.same(pb.TxnRequest(success=[pb.RequestOp(request_range=to_end)]))
    assert answer.responses[0].response_range.count == 3
    answer = pair.same(pb.TxnRequest(success=[pb.RequestOp(request_range=to_end), put_op(b"x")]))
    assert answer.responses[0].response_range.count == 1
    answer = pair.same(pb.TxnRequest(success=[txn_op(pb.TxnRequest(success=[pb.RequestOp(request_range=to_end)]))]))
    assert answer.responses[0].response_txn.responses[0].response_range.count == 1

    exists = pb.Compare(key=b"c", range_end=b"", target=pb.Compare.VALUE, value=b"1")  # true of c, not of x
    assert not pair.same(pb.TxnRequest(compare=[exists], success=[get_op(b"c")])).succeeded
    assert pair.same(pb.TxnRequest(compare=[exists], success=[get_op(b"c"), put_op(b"x", b"2")])).succeeded

    request = pb.DeleteRangeRequest(key=b"c").SerializeToString() + EMPTY_END
    answers = [peer.ask_raw("KV/DeleteRange", request, pb.DeleteRangeResponse) for peer in (pair.node, pair.etcd)]
    assert answers[0] == answers[1]
    assert everything(pair) == b"abdex"


@pytest.mark.parametrize(
    ("size", "refused"),
    [
        (LONGEST_ENTRY, None),
        (LONGEST_ENTRY + 2, TOO_LARGE),
        (MAX_REQUEST_BYTES, TOO_LARGE),
        (MAX_RECEIVED_BYTES, TOO_LARGE),
        (MAX_RECEIVED_BYTES + 1, "RESOURCE_EXHAUSTED"),
        (5 << 20, "RESOURCE_EXHAUSTED"),
    ],
)
def test_writes_of_the_same_size_are_refused(pair: Pair, size: int, refused: tuple[str, str] | str | None) -> None:
    put = pb.PutRequest(key=b"large", value=bytes(size - 20))
    put.value += bytes(size - put.ByteSize())
    assert put.ByteSize() == size
    answer = pair.same(put)
    if refused is None:
        assert answer.header.revision
        return
    assert refused in (answer, answer[0])
    in_transaction = pair.same(pb.TxnRequest(success=[pb.RequestOp(request_put=put)]))
    assert in_transaction[0] == ("RESOURCE_EXHAUSTED" if size >= MAX_RECEIVED_BYTES else answer[0])


def test_reads_may_be_longer_than_writes(pair: Pair) -> None:
    key = bytes(MAX_REQUEST_BYTES)
    assert pair.same(pb.RangeRequest(key=key)).count == 0
    assert pair.same(pb.TxnRequest(success=[get_op(key)])).succeeded
    assert pair.same(pb.TxnRequest(success=[txn_op(pb.TxnRequest(success=[get_op(key)]))])) == TOO_LARGE
    assert pair.same(pb.RangeRequest(key=bytes(MAX_RECEIVED_BYTES)))[0] == "RESOURCE_EXHAUSTED"


def test_messages_that_grpc_itself_refuses_have_the_same_code(pair: Pair) -> None:
    request = pb.PutRequest(key=b"large", value=bytes(17 << 20))
    assert pair.node.ask(request)[0] == pair.etcd.ask(request)[0] == "RESOURCE_EXHAUSTED"


def test_pages_of_large_values(pair: Pair) -> None:
    for number in range(12):
        pair.same(pb.PutRequest(key=b"large%02d" % number, value=bytes([number * 7 % 12]) * 1_400_000))
    orders = (pb.RangeRequest.NONE, pb.RangeRequest.ASCEND, pb.RangeRequest.DESCEND)
    targets = (pb.RangeRequest.KEY, pb.RangeRequest.MOD, pb.RangeRequest.VALUE)
    for limit, order, target in itertools.product((1, 4), orders, targets):
        answer = pair.same(
            pb.RangeRequest(key=b"large", range_end=b"largf", limit=limit, sort_order=order, sort_target=target)
        )
        assert (len(answer.kvs), answer.more, answer.count) == (limit, True, 12)


def test_faults_come_in_the_same_order(pair: Pair) -> None:
    """Outside of a transaction the lease is looked up first, inside one the key."""
    missing = pb.PutRequest(key=b"missing", ignore_value=True, lease=9)
    assert pair.same(missing) == ("NOT_FOUND", "etcdserver: requested lease not found")
    in_transaction = pb.RequestOp(request_put=missing)
    assert pair.same(pb.TxnRequest(success=[in_transaction])) == (
        "INVALID_ARGUMENT",
        "etcdserver: key not found",
    )
    assert pair.same(pb.PutRequest(key=b"missing", ignore_lease=True))[1] == "etcdserver: key not found"
    future = get_op(b"a", revision=10_000)
    for operations in ([future, in_transaction], [txn_op(pb.TxnRequest(success=[future])), in_transaction]):
        assert pair.same(pb.TxnRequest(success=operations))[1] == "etcdserver: key not found"
    pair.compact()
    for operations in ([future, get_op(b"a", revision=-1)], [get_op(b"a", revision=-1), future]):
        answer = pair.same(pb.TxnRequest(success=operations))
        assert answer[0] == "OUT_OF_RANGE"


@pytest.mark.parametrize("revision", [-(2**63), -1, 1])
def test_a_negative_revision_is_the_newest_but_not_in_a_transaction(pair: Pair, revision: int) -> None:
    pair.compact()
    alone = pair.same(pb.RangeRequest(key=b"a", revision=revision))
    assert alone == COMPACTED if revision > 0 else alone.count == 1
    assert pair.same(pb.TxnRequest(success=[get_op(b"a", revision=revision)])) == COMPACTED
    assert pair.same(pb.TxnRequest(success=[put_op(b"x"), get_op(b"a", revision=revision)])) == COMPACTED


def test_a_transaction_reads_the_revision_before_it(pair: Pair) -> None:
    pair.compact()
    before = pair.same(pb.RangeRequest(key=b"a")).header.revision
    answer = pair.same(pb.TxnRequest(success=[put_op(b"a", b"2"), get_op(b"a", revision=before), get_op(b"a")]))
    assert [item.response_range.kvs[0].value for item in answer.responses[1:]] == [b"1", b"2"]


def test_transactions_are_nested_as_deep_as_the_documentation_says(pair: Pair) -> None:
    for innermost in (get_op(b"a"), put_op(b"a", b"2"), delete_op(b"a"), get_op(b"missing")):
        request = nested(MAX_NESTING, innermost)
        answers = [peer.ask_raw("KV/Txn", request, pb.TxnResponse) for peer in (pair.node, pair.etcd)]
        assert answers[0] == answers[1]
        assert answers[0].succeeded


@pytest.mark.parametrize("levels", [MAX_NESTING + 1, 49, 50, 127, 1_000])
def test_deeper_ones_are_refused_for_their_depth(pair: Pair, levels: int) -> None:
    """Declared: etcd accepts up to 127, whose answers libraries can't read."""
    code, message = pair.node.ask_raw("KV/Txn", nested(levels, get_op(b"a")), pb.TxnResponse)
    assert code == "INVALID_ARGUMENT"
    assert "nested more than" in message


def test_operations_are_counted_along_the_deepest_nesting(pair: Pair) -> None:
    puts = [put_op(b"%d" % number) for number in range(100)]
    assert pair.same(pb.TxnRequest(success=[*puts, *[get_op(b"a")] * 28])).succeeded
    assert pair.same(pb.TxnRequest(success=[*puts, *[get_op(b"a")] * 29]))[0] == "INVALID_ARGUMENT"
    inner = txn_op(pb.TxnRequest(success=puts))
    assert pair.same(pb.TxnRequest(success=[inner, *[get_op(b"a")] * 27])).succeeded
    assert pair.same(pb.TxnRequest(success=[inner, *[get_op(b"a")] * 28]))[0] == "INVALID_ARGUMENT"


def test_compaction_takes_the_same_revisions(tmp_path: Path) -> None:
    with RealEtcd(tmp_path) as etcd, StorageServer(tmp_path / "store") as node:
        pair = Pair(node.address, etcd.address)

        def compact(*revisions: int) -> list[Any]:
            answers = [pair.same(pb.CompactionRequest(revision=revision, physical=True)) for revision in revisions]
            return [answer[1].rpartition(" ")[2] if isinstance(answer, tuple) else "" for answer in answers]

        assert compact(-5, -1, 0, 0, 2, 1, 1) == [
            "compacted",
            "compacted",
            "",
            "compacted",
            "revision",
            "",
            "compacted",
        ]
        for number in range(4):
            pair.same(pb.PutRequest(key=b"a", value=b"%d" % number))
        assert compact(0, 1, 3, 2, 3, 6, 5, 4) == [
            *["compacted"] * 2,
            "",
            *["compacted"] * 2,
            "revision",
            "",
            "compacted",
        ]
        pair.close()


def test_operators_calls_have_the_answers_of_a_single_member(pair: Pair) -> None:
    for peer in (pair.node, pair.etcd):
        status = peer.channel.unary_unary(
            "/etcdserverpb.Maintenance/Status", response_deserializer=pb.StatusResponse.FromString
        )(b"")
        (member,) = peer.ask(pb.MemberListRequest()).members
        assert member.id == status.leader == status.header.member_id
        assert member.name
        assert [url.partition("://")[0] for url in member.client_urls] == ["http"]
        assert not member.is_learner

        assert list(peer.ask(pb.AlarmRequest()).alarms) == []
        assert list(peer.ask(pb.AlarmRequest(action=pb.AlarmRequest.DEACTIVATE, alarm=pb.NOSPACE)).alarms) == []
        assert list(peer.ask(pb.AlarmRequest(action=pb.AlarmRequest.DEACTIVATE)).alarms) == []

        hashes = [peer.ask(pb.HashRequest()), peer.ask(pb.HashKVRequest())]
        assert all(answer.hash for answer in hashes)
        assert {answer.header.revision for answer in hashes} == {status.header.revision}
        assert peer.ask(pb.HashKVRequest(revision=status.header.revision + 1)) == (
            "OUT_OF_RANGE",
            "etcdserver: mvcc: required revision is a future revision",
        )


def test_declared_differences_are_as_the_documentation_says(pair: Pair) -> None:
    """docs/storage.md lists them; a row that is no longer true has to go."""
    older = pb.RangeRequest(key=b"a", revision=pair.same(pb.RangeRequest(key=b"a")).header.revision - 1)
    assert pair.node.ask(older) == COMPACTED
    assert pair.etcd.ask(older).count == 1

    deepest = nested(127, get_op(b"a"))  # its answer can't be decoded here
    assert pair.etcd.channel.unary_unary("/etcdserverpb.KV/Txn")(deepest)

    codes = [peer.ask_raw("KV/Range", b"\xff\xff", pb.RangeResponse)[0] for peer in (pair.node, pair.etcd)]
    assert codes == ["INVALID_ARGUMENT", "INTERNAL"]

    raised = pb.AlarmRequest(action=pb.AlarmRequest.ACTIVATE, member_id=1, alarm=pb.NOSPACE)
    assert pair.node.ask(raised)[0] == "UNIMPLEMENTED"
    assert len(pair.etcd.ask(raised).alarms) == 1
    raised.action = pb.AlarmRequest.DEACTIVATE
    assert len(pair.etcd.ask(raised).alarms) == 1
