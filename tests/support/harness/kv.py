"""A client of a storage node's key-value API, with the calls that tests need."""

from __future__ import annotations

from types import TracebackType

import grpc

from sutra_grid.wire import storage_pb2 as pb
from sutra_grid.wire import storage_pb2_grpc as rpc

# A node that comes back is reached again at once, not after gRPC's usual seconds of back-off.
CHANNEL_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.use_local_subchannel_pool", 1),
]


class KvClient:
    """Reads and writes one node. Methods raise ``grpc.RpcError``; after one of a write its outcome is unknown."""

    def __init__(self, endpoint: str, timeout_seconds: float = 5.0, channel: grpc.Channel | None = None) -> None:
        """``channel`` is one that leads to the node, for a node with TLS."""
        self._channel = channel or grpc.insecure_channel(endpoint, options=CHANNEL_OPTIONS)
        self._kv = rpc.KVStub(self._channel)
        self._timeout_seconds = timeout_seconds

    def __enter__(self) -> KvClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._channel.close()

    def put(self, key: str, value: str) -> None:
        self._kv.Put(pb.PutRequest(key=key.encode(), value=value.encode()), timeout=self._timeout_seconds)

    def get(self, key: str) -> str | None:
        answer = self._kv.Range(pb.RangeRequest(key=key.encode()), timeout=self._timeout_seconds)
        return answer.kvs[0].value.decode() if answer.kvs else None

    def put_all(self, values: dict[str, str]) -> None:
        """Write all of the values in one transaction."""
        puts = [pb.RequestOp(request_put=pb.PutRequest(key=k.encode(), value=v.encode())) for k, v in values.items()]
        self._kv.Txn(pb.TxnRequest(success=puts), timeout=self._timeout_seconds)

    def get_prefix(self, prefix: str) -> dict[str, str]:
        """All keys that begin with ``prefix``, as of one moment."""
        start = prefix.encode()
        end = start[:-1] + bytes([start[-1] + 1])
        answer = self._kv.Range(pb.RangeRequest(key=start, range_end=end), timeout=self._timeout_seconds)
        return {pair.key.decode(): pair.value.decode() for pair in answer.kvs}
