"""The errors of the protocol: etcd's own codes and messages, because its clients compare them.

Source: ``rpctypes/error.go`` of etcd 3.4 and 3.5.
"""

from __future__ import annotations

from enum import Enum


class Fault(Enum):
    """Name of a gRPC status code, and the message."""

    EMPTY_KEY = ("INVALID_ARGUMENT", "etcdserver: key is not provided")
    KEY_NOT_FOUND = ("INVALID_ARGUMENT", "etcdserver: key not found")
    VALUE_PROVIDED = ("INVALID_ARGUMENT", "etcdserver: value is provided")
    LEASE_PROVIDED = ("INVALID_ARGUMENT", "etcdserver: lease is provided")
    TOO_MANY_OPERATIONS = ("INVALID_ARGUMENT", "etcdserver: too many operations in txn request")
    DUPLICATE_KEY = ("INVALID_ARGUMENT", "etcdserver: duplicate key given in txn request")
    REQUEST_TOO_LARGE = ("INVALID_ARGUMENT", "etcdserver: request is too large")
    COMPACTED = ("OUT_OF_RANGE", "etcdserver: mvcc: required revision has been compacted")
    FUTURE_REVISION = ("OUT_OF_RANGE", "etcdserver: mvcc: required revision is a future revision")
    LEASE_NOT_FOUND = ("NOT_FOUND", "etcdserver: requested lease not found")
    TOO_MANY_REQUESTS = ("RESOURCE_EXHAUSTED", "etcdserver: too many requests")
    # gRPC's own for Go; here messages between this and MAX_MESSAGE_BYTES reach the handlers.
    MESSAGE_TOO_LARGE = ("RESOURCE_EXHAUSTED", "grpc: received message larger than max")
    # etcd has no errors for these: it sends responses of any size, and keeps what it sorts in memory.
    ANSWER_TOO_LARGE = (
        "RESOURCE_EXHAUSTED",
        "the response would be larger than 15 MiB: use limit, keys_only or count_only, or delete without prev_kv",
    )
    SORT_TOO_LARGE = (
        "RESOURCE_EXHAUSTED",
        "the page to sort by value is larger than 15 MiB: use a smaller limit, or another sort target",
    )
    NESTED_TOO_DEEP = (
        "INVALID_ARGUMENT",
        "transactions are nested more than 40 levels deep: use fewer levels, or several transactions",
    )
    STOPPED = ("UNAVAILABLE", "etcdserver: server stopped")
    TIMED_OUT = ("UNAVAILABLE", "etcdserver: request timed out")

    @property
    def code(self) -> str:
        """Name of the gRPC status code."""
        return self.value[0]

    @property
    def message(self) -> str:
        """etcd's message."""
        return self.value[1]


class KvError(Exception):
    """A request that is answered with ``fault``; ``detail`` goes after its message."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        self.fault = fault
        self.message = fault.message + detail
        super().__init__(self.message)
