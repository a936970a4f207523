"""Pages of values that are as large as a bulk write takes, from a real node."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from storage.server import StorageServer
from sutra_grid.wire import node_pb2, node_pb2_grpc, storage_pb2_grpc
from sutra_grid.wire import storage_pb2 as pb
from sutra_grid.wire.channels import open_channel

MIB = 1 << 20


def test_a_page_ends_before_a_value_that_does_not_fit(tmp_path: Path) -> None:
    with StorageServer(tmp_path / "store") as server, open_channel(server.address) as channel:
        kv = storage_pb2_grpc.KVStub(channel)
        for number in range(3):
            entry = node_pb2.BulkEntry(key=b"large%d" % number, value=bytes([number]) * (8 * MIB))
            node_pb2_grpc.StorageNodeStub(channel).BulkWrite(node_pb2.BulkWriteRequest(entries=[entry]), timeout=30)

        start, found = b"large", []
        while True:
            page = kv.Range(pb.RangeRequest(key=start, range_end=b"largf", limit=1), timeout=30)
            found += [item.key for item in page.kvs]
            if not page.more:
                break
            start = page.kvs[-1].key + b"\0"
        assert found == [b"large0", b"large1", b"large2"]

        for target in (pb.RangeRequest.KEY, pb.RangeRequest.MOD, pb.RangeRequest.VALUE):
            request = pb.RangeRequest(key=b"large", range_end=b"largf", limit=1, sort_target=target)
            request.sort_order = pb.RangeRequest.DESCEND
            page = kv.Range(request, timeout=30)
            assert ([item.key for item in page.kvs], page.more, page.count) == ([b"large2"], True, 3)
        with pytest.raises(grpc.RpcError, match="use limit"):
            kv.Range(pb.RangeRequest(key=b"large", range_end=b"largf", limit=2), timeout=30)
