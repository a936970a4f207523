"""``etcdserverpb.KV``: reads from the committed state, writes through the committer."""

# ruff: noqa: N802  the methods have the names of the wire
from __future__ import annotations

import threading

import grpc

from sutra_grid.storage.counter import Counter
from sutra_grid.storage.etcd import checks, evaluate, ranges
from sutra_grid.storage.etcd.kv_errors import handle_kv_errors
from sutra_grid.storage.faults import Fault, KvError
from sutra_grid.storage.identity import Identity
from sutra_grid.storage.keyspace import Draft
from sutra_grid.storage.store import Store
from sutra_grid.wire import storage_pb2 as pb
from sutra_grid.wire import storage_pb2_grpc as rpc


class KvService(rpc.KVServicer):
    """Handlers block until their write is on disk; ``reads`` counts answered reads."""

    def __init__(self, store: Store, identity: Identity, reads: Counter) -> None:
        self._store = store
        self._identity = identity
        self._reads = reads
        self._compaction = threading.Lock()
        self._compacted = -1  # guarded by _compaction; as in etcd before the first one

    @handle_kv_errors
    def Range(self, request: pb.RangeRequest, context: grpc.ServicerContext) -> pb.RangeResponse:
        """Read the newest state that is on disk."""
        checks.check_received(request)
        checks.check_key(request)
        checks.open_ends(request)
        response = ranges.range_(self._store.state, request)
        self._reads.add()
        self._identity.sign(response.header)
        return response

    @handle_kv_errors
    def Put(self, request: pb.PutRequest, context: grpc.ServicerContext) -> pb.PutResponse:
        """Write one key; responds when it is on disk."""
        checks.check_received(request)
        checks.check_put(request)
        checks.check_size(request)
        response = self._store.write(lambda draft: evaluate.put(draft, request))
        self._identity.sign(response.header)
        return response

    @handle_kv_errors
    def DeleteRange(self, request: pb.DeleteRangeRequest, context: grpc.ServicerContext) -> pb.DeleteRangeResponse:
        """Delete keys; responds when the change is on disk."""
        checks.check_received(request)
        checks.check_key(request)
        checks.check_size(request)
        response = self._store.write(lambda draft: evaluate.delete_range(draft, request))
        self._identity.sign(response.header)
        return response

    @handle_kv_errors
    def Txn(self, request: pb.TxnRequest, context: grpc.ServicerContext) -> pb.TxnResponse:
        """Compare and run one branch; responds when it is on disk. A read-only transaction never waits."""
        checks.check_received(request)
        checks.check_txn(request)
        if checks.has_ranges_only(request):
            operations = (*request.success, *request.failure)
            checks.open_ends(*request.compare, *(operation.request_range for operation in operations))
        else:
            checks.check_size(request)
        if checks.is_read_only(request):
            response = evaluate.txn(Draft(self._store.state), request)
            self._reads.add()
        else:
            response = self._store.write(lambda draft: evaluate.txn(draft, request))
        self._identity.sign(response.header)
        return response

    @handle_kv_errors
    def Compact(self, request: pb.CompactionRequest, context: grpc.ServicerContext) -> pb.CompactionResponse:
        """Succeed for a revision that was not compacted yet: older revisions are never kept."""
        checks.check_received(request)
        revision = self._store.state.revision
        with self._compaction:
            if request.revision <= self._compacted:
                raise KvError(Fault.COMPACTED)
            if request.revision > revision:
                raise KvError(Fault.FUTURE_REVISION)
            self._compacted = request.revision
        response = pb.CompactionResponse()
        self._identity.sign(response.header, revision)
        return response
