"""``etcdserverpb.Maintenance``: status, snapshots and compaction of one node."""

# ruff: noqa: N802  the methods have the names of the wire
from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator

import grpc

import sutra_grid
from sutra_grid.core.errors import FailedPrecondition, GridError, ResourceExhausted, Unimplemented
from sutra_grid.core.types import Reason
from sutra_grid.storage.archive import FORMAT, Manifest, archive, archive_bytes
from sutra_grid.storage.etcd.kv_errors import abort, handle_kv_errors
from sutra_grid.storage.faults import Fault, KvError
from sutra_grid.storage.identity import TERM, VERSION, Identity
from sutra_grid.storage.keyspace import Committed
from sutra_grid.storage.records import KEY_PREFIX, KEYS_END
from sutra_grid.storage.store import Copy, Store
from sutra_grid.wire import errors
from sutra_grid.wire import storage_pb2 as pb
from sutra_grid.wire import storage_pb2_grpc as rpc

MAX_SNAPSHOTS = 2
"""Concurrent snapshots: each holds a worker thread and the files that it sends."""


class MaintenanceService(rpc.MaintenanceServicer):
    """The calls of an operator to a node."""

    def __init__(self, store: Store, identity: Identity) -> None:
        self._store = store
        self._identity = identity
        self._snapshots = threading.BoundedSemaphore(MAX_SNAPSHOTS)

    @handle_kv_errors
    def Status(self, request: pb.StatusRequest, context: grpc.ServicerContext) -> pb.StatusResponse:
        """Sizes, revision, and why the node is read-only."""
        sizes = self._store.statistics()
        revision = self._store.state.revision
        failure = self._store.failure
        response = pb.StatusResponse(
            version=VERSION,
            db_size=sizes.disk_bytes,
            db_size_in_use=sizes.live_bytes,
            leader=self._identity.member_id,
            raft_index=revision,
            raft_applied_index=revision,
            raft_term=TERM,
            errors=[] if failure is None else [str(failure)],
        )
        self._identity.sign(response.header, revision)
        return response

    @handle_kv_errors
    def Alarm(self, request: pb.AlarmRequest, context: grpc.ServicerContext) -> pb.AlarmResponse:
        """NOSPACE while the node is read-only; the store's state decides, not the caller."""
        if request.action == pb.AlarmRequest.ACTIVATE:
            raise Unimplemented(
                "alarms follow the node's state and can't be set",
                reason=Reason.UNSUPPORTED,
                hint="Stop the node to keep clients from writing",
            )
        response = pb.AlarmResponse()
        failure = self._store.failure
        if failure is not None and request.alarm in (pb.NONE, pb.NOSPACE):
            if request.action == pb.AlarmRequest.DEACTIVATE:
                raise FailedPrecondition(
                    f"the alarm NOSPACE can't be disarmed: the node is read-only, {failure.message}",
                    reason=failure.reason,
                    hint=failure.hint,
                )
            response.alarms.add(member_id=self._identity.member_id, alarm=pb.NOSPACE)
        self._identity.sign(response.header, self._store.state.revision)
        return response

    @handle_kv_errors
    def Defragment(self, request: pb.DefragmentRequest, context: grpc.ServicerContext) -> pb.DefragmentResponse:
        """Compact the files; may take minutes."""
        self._store.compact()
        response = pb.DefragmentResponse()
        self._identity.sign(response.header, self._store.state.revision)
        return response

    @handle_kv_errors
    def Hash(self, request: pb.HashRequest, context: grpc.ServicerContext) -> pb.HashResponse:
        """Checksum of all keys."""
        state = self._store.state
        response = pb.HashResponse(hash=checksum(state))
        self._identity.sign(response.header, state.revision)
        return response

    @handle_kv_errors
    def HashKV(self, request: pb.HashKVRequest, context: grpc.ServicerContext) -> pb.HashKVResponse:
        """Checksum of all keys."""
        state = self._store.state
        if request.revision > state.revision:
            raise KvError(Fault.FUTURE_REVISION)
        if 0 < request.revision < state.revision:
            raise KvError(Fault.COMPACTED)
        response = pb.HashKVResponse(
            hash=checksum(state), compact_revision=state.revision, hash_revision=state.revision
        )
        self._identity.sign(response.header, state.revision)
        return response

    def Snapshot(self, request: pb.SnapshotRequest, context: grpc.ServicerContext) -> Iterator[pb.SnapshotResponse]:
        """Send a copy of the store as one file."""
        try:
            yield from self._snapshot(context)
        except KvError as error:
            abort(context, error)
        except GridError as error:
            errors.abort(context, error)

    def _snapshot(self, context: grpc.ServicerContext) -> Iterator[pb.SnapshotResponse]:
        if not self._snapshots.acquire(blocking=False):
            raise ResourceExhausted(
                f"{MAX_SNAPSHOTS} snapshots are already in progress",
                reason=Reason.OVERLOADED,
                hint="Try again when one of them is complete",
            )
        try:
            with self._store.temporary_copy() as copy:
                yield from self._messages(copy)
        finally:
            self._snapshots.release()

    def _messages(self, copy: Copy) -> Iterator[pb.SnapshotResponse]:
        manifest = Manifest(FORMAT, self._identity.node_id, copy.revision, copy.keys, sutra_grid.__version__)
        remaining = archive_bytes(copy, manifest)
        for chunk in archive(copy, manifest):
            remaining -= len(chunk)
            response = pb.SnapshotResponse(remaining_bytes=remaining, blob=chunk, version=VERSION)
            self._identity.sign(response.header, copy.revision)
            yield response


def checksum(state: Committed) -> int:
    """CRC-32 of all keys and records in key order: the same for equal stores, whatever their files look like."""
    crc = 0
    for key, record in state.view.scan(KEY_PREFIX, KEYS_END):
        crc = zlib.crc32(record, zlib.crc32(len(key).to_bytes(8, "big") + key, crc))
    return crc
