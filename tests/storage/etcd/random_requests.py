"""Random requests of ``etcdserverpb.KV``, the same for the same seed, over few keys so that they meet each other."""

from __future__ import annotations

import random
from collections.abc import Iterator

from sutra_grid.wire import storage_pb2 as pb

KEYS = [b"\0", b"a", b"a/", b"a/1", b"a/2", b"a0", b"b", b"b\0", b"c", b"\xc3\xbc", b"\xff", b"\xff\xff"]
"""At most 12; see ``wide``."""
ENDS = [*KEYS, b"\0", b"\0", b"d", b"a0"]
VALUES = [b"", b"1", b"2", b"22", b"\0", bytes(2_000), b"x" * 50_000]

Request = pb.RangeRequest | pb.PutRequest | pb.DeleteRangeRequest | pb.TxnRequest


class RandomRequests:
    """``revision`` is that of the store, and is told by the caller before each request.

    ``wide`` takes more keys, of arbitrary bytes, and sorts by key alone: etcd does not keep the order of more
    than 12 that are equal.
    """

    def __init__(self, seed: int, *, wide: bool = False) -> None:
        self._random = random.Random(seed)
        self._keys, self._ends, self._targets = KEYS, ENDS, [0, 0, 1, 2, 3, 4]
        if wide:
            self._keys = [bytes(self._random.choices(b"ab/\0\xff", k=length)) for length in [1, 2, 3, 4] * 10]
            self._ends, self._targets = [*self._keys, b"\0"], [0]
        self.revision = 1

    def __iter__(self) -> Iterator[Request]:
        kinds = [self._put] * 4 + [self._range] * 4 + [self._delete] + [self._txn] * 3
        while True:
            yield self._random.choice(kinds)()

    def _often(self, share: float) -> bool:
        return self._random.random() < share

    def _key(self) -> bytes:
        return b"" if self._often(0.01) else self._random.choice(self._keys)

    def _revision(self) -> int:
        newest = self.revision
        return self._random.choice([0, 0, 0, newest, newest, newest + 1, newest - 1, 1, -1, -7, 2**63 - 1, -(2**63)])

    def _put(self, *, plain: bool = False) -> pb.PutRequest:
        request = pb.PutRequest(key=self._key(), value=self._random.choice(VALUES), prev_kv=self._often(0.3))
        if not plain and self._often(0.15):
            request.ignore_value = True
            if self._often(0.8):
                request.value = b""
        if not plain and self._often(0.1):
            request.ignore_lease = True
        if not plain and self._often(0.05):
            request.lease = self._random.choice([1, -1, 7])
        return request

    def _range(self, *, nested: bool = False) -> pb.RangeRequest:
        chance = self._random
        request = pb.RangeRequest(
            key=self._key(),
            limit=chance.choice([0, 0, 1, 2, 5, 12, -1, 2**63 - 1]),
            revision=self._revision() if self._often(0.1 if nested else 0.3) else 0,
            sort_order=chance.choice([0, 0, 1, 2, 2, 5]),
            sort_target=chance.choice(self._targets),
            serializable=self._often(0.5),
            keys_only=self._often(0.2),
            count_only=self._often(0.1),
        )
        if self._often(0.75):
            request.range_end = b"" if self._often(0.1) else chance.choice(self._ends)
        for bound in ("min_mod_revision", "max_mod_revision", "min_create_revision", "max_create_revision"):
            if self._often(0.1):
                setattr(request, bound, self.revision - chance.randrange(-1, 15))
        return request

    def _delete(self) -> pb.DeleteRangeRequest:
        request = pb.DeleteRangeRequest(key=self._key(), prev_kv=self._often(0.3))
        if self._often(0.5):
            request.range_end = self._random.choice(self._ends)
        return request

    def _compare(self) -> pb.Compare:
        chance = self._random
        number = chance.choice([0, 1, 2, self.revision, self.revision - 1, self.revision - 5])
        request = pb.Compare(key=self._key(), result=chance.choice([0, 0, 1, 2, 3, 9]), target=chance.randrange(5))
        if self._often(0.05):
            request.target = 9
        union = chance.choice(["version", "create_revision", "mod_revision", "value", "lease", "", "fitting"])
        if union == "fitting":
            union = ["version", "create_revision", "mod_revision", "value", "lease", ""][min(request.target, 5)]
        if union:
            setattr(request, union, chance.choice(VALUES) if union == "value" else number)
        if self._often(0.3):
            request.range_end = b"" if self._often(0.2) else chance.choice(self._ends)
        return request

    def _txn(self, depth: int = 0) -> pb.TxnRequest:
        """etcd 3.4 panics when a deletion to the last key removes what a put with ignore_… expects: none of these."""
        # A transaction of ranges alone is a case of its own.
        kinds = ["range"] if self._often(0.2) else ["range", "put", "put", "put", "delete", "txn", "none"]
        compares = [self._compare() for _ in range(self._random.choice([0, 0, 1, 1, 2]))]
        branches = [[self._operation(kinds, depth) for _ in range(self._random.randrange(4))] for _ in range(2)]
        request = pb.TxnRequest(compare=compares, success=branches[0], failure=branches[1])
        if depth == 0 and _deletes_to_the_end(request):
            _make_puts_plain(request)
        return request

    def _operation(self, kinds: list[str], depth: int) -> pb.RequestOp:
        kind = self._random.choice(kinds)
        if kind == "txn" and depth < 3:
            return pb.RequestOp(request_txn=self._txn(depth + 1))
        if kind == "put":
            return pb.RequestOp(request_put=self._put())
        if kind == "delete":
            return pb.RequestOp(request_delete_range=self._delete())
        if kind == "none" and self._often(0.1):
            return pb.RequestOp()
        return pb.RequestOp(request_range=self._range(nested=True))


def _operations(request: pb.TxnRequest) -> Iterator[pb.RequestOp]:
    for operation in (*request.success, *request.failure):
        yield operation
        if operation.HasField("request_txn"):
            yield from _operations(operation.request_txn)


def _deletes_to_the_end(request: pb.TxnRequest) -> bool:
    return any(operation.request_delete_range.range_end == b"\0" for operation in _operations(request))


def _make_puts_plain(request: pb.TxnRequest) -> None:
    for operation in _operations(request):
        if operation.HasField("request_put"):
            operation.request_put.ClearField("ignore_value")
            operation.request_put.ClearField("ignore_lease")


def names_a_revision(request: Request) -> bool:
    """Whether the answer depends on which older revisions are kept."""
    if isinstance(request, pb.RangeRequest):
        return request.revision != 0
    if isinstance(request, pb.TxnRequest):
        return any(operation.request_range.revision for operation in _operations(request))
    return False
