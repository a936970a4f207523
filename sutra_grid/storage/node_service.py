"""``grid.StorageNode``: calls of the grid besides the etcd protocol."""

# ruff: noqa: N802  the methods have the names of the wire
from __future__ import annotations

import grpc

import sutra_grid
from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason
from sutra_grid.runtime.clock import Clock
from sutra_grid.storage.counter import Counter
from sutra_grid.storage.etcd.kv_errors import handle_kv_errors
from sutra_grid.storage.etcd.ranges import ITEM_BYTES, MAX_ANSWER_BYTES
from sutra_grid.storage.identity import Identity
from sutra_grid.storage.keyspace import Draft
from sutra_grid.storage.memory import MemoryBudget
from sutra_grid.storage.store import Store
from sutra_grid.wire import node_pb2 as pb
from sutra_grid.wire import node_pb2_grpc as rpc

MAX_BULK_ENTRIES = 20_000
"""Other writes wait while a bulk write is evaluated, about 10 us an entry."""


class NodeService(rpc.StorageNodeServicer):
    """Bulk writes, statistics, flush and checkpoint."""

    def __init__(self, store: Store, identity: Identity, budget: MemoryBudget, reads: Counter, clock: Clock) -> None:
        self._store = store
        self._identity = identity
        self._budget = budget
        self._reads = reads
        self._clock = clock
        self._started_at = clock.monotonic()

    @handle_kv_errors
    def BulkWrite(self, request: pb.BulkWriteRequest, context: grpc.ServicerContext) -> pb.BulkWriteResponse:
        """Write all entries or none; responds when they are on disk."""
        check_bulk(request)
        return self._store.write(lambda draft: bulk_write(draft, request))

    @handle_kv_errors
    def GetStatistics(self, request: pb.StatisticsRequest, context: grpc.ServicerContext) -> pb.StatisticsResponse:
        """Sizes and counts."""
        sizes = self._store.statistics()
        state = self._store.state
        failure = self._store.failure
        return pb.StatisticsResponse(
            node_id=self._identity.node_id,
            version=sutra_grid.__version__,
            engine=self._store.engine_name,
            revision=state.revision,
            keys=state.keys,
            live_bytes=sizes.live_bytes,
            disk_bytes=sizes.disk_bytes,
            wal_bytes=sizes.wal_bytes,
            memory_bytes=sizes.memory_bytes,
            memory_limit_bytes=self._budget.limit_bytes,
            commits=self._store.commits,
            writes=self._store.writes,
            reads=self._reads.value,
            uptime_ms=int((self._clock.monotonic() - self._started_at) * 1000),
            read_only=failure is not None,
            reason="" if failure is None else str(failure),
        )

    @handle_kv_errors
    def Flush(self, request: pb.FlushRequest, context: grpc.ServicerContext) -> pb.FlushResponse:
        """Move everything from memory into sorted files."""
        return pb.FlushResponse(revision=self._store.flush())

    @handle_kv_errors
    def Checkpoint(self, request: pb.CheckpointRequest, context: grpc.ServicerContext) -> pb.CheckpointResponse:
        """Copy the store into a directory."""
        copy = self._store.checkpoint(request.name)
        return pb.CheckpointResponse(path=str(copy.path), revision=copy.revision, size_bytes=copy.size_bytes)


def check_bulk(request: pb.BulkWriteRequest) -> None:
    """Refuse an invalid bulk write. Pure."""
    if len(request.entries) > MAX_BULK_ENTRIES:
        raise InvalidArgument(
            f"{len(request.entries)} entries exceed the limit of {MAX_BULK_ENTRIES} for one call",
            reason=Reason.INVALID_ARGUMENT,
            hint="Send them in several calls",
        )
    for index, entry in enumerate(request.entries):
        if not entry.key:
            raise InvalidArgument(
                f"entries[{index}].key is empty", reason=Reason.INVALID_ARGUMENT, hint="Every entry needs a key"
            )
        size = len(entry.key) + len(entry.value)
        if size + ITEM_BYTES > MAX_ANSWER_BYTES:
            raise InvalidArgument(
                f"entries[{index}] has {size} bytes, more than a response can carry",
                reason=Reason.INVALID_ARGUMENT,
                hint=f"Keep key and value below {MAX_ANSWER_BYTES >> 20} MiB, so that they can be read again",
            )


def bulk_write(draft: Draft, request: pb.BulkWriteRequest) -> pb.BulkWriteResponse:
    """Put and delete in order, as one revision. A key may occur several times. Pure."""
    written = deleted = 0
    for entry in request.entries:
        if entry.delete:
            deleted += draft.delete(entry.key) is not None
        else:
            draft.put(entry.key, entry.value)
            written += 1
    return pb.BulkWriteResponse(revision=draft.revision, written=written, deleted=deleted)
