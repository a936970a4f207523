"""The services over gRPC, in this process: codes, headers, messages."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from support.waiting import eventually

from sutra_grid.storage.etcd.client_address import ClientAddress
from sutra_grid.storage.memory import MemoryBudget
from sutra_grid.storage.services import services
from sutra_grid.storage.store import Store
from sutra_grid.wire import node_pb2, node_pb2_grpc, storage_pb2_grpc
from sutra_grid.wire import storage_pb2 as pb
from sutra_grid.wire.server import ServerLimits, serve

BUDGET = MemoryBudget.of(96)
NOT_THERE = [
    "etcdserverpb.Watch/Watch",
    "etcdserverpb.Lease/LeaseGrant",
    "etcdserverpb.Auth/AuthEnable",
    "etcdserverpb.Cluster/MemberAdd",
    "etcdserverpb.Maintenance/MoveLeader",
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store", BUDGET) as store:
        yield store


@pytest.fixture
def channel(store: Store) -> Iterator[grpc.Channel]:
    address = ClientAddress()
    with (
        serve(
            services(store, "node-1", BUDGET, address),
            host="127.0.0.1",
            port=0,
            limits=ServerLimits(workers=64, calls=256),
            name="test-storage",
        ) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        address.bound(server.host, server.port)
        yield channel


@pytest.fixture
def kv(channel: grpc.Channel) -> storage_pb2_grpc.KVStub:
    return storage_pb2_grpc.KVStub(channel)


@pytest.fixture
def maintenance(channel: grpc.Channel) -> storage_pb2_grpc.MaintenanceStub:
    return storage_pb2_grpc.MaintenanceStub(channel)


@pytest.fixture
def node(channel: grpc.Channel) -> node_pb2_grpc.StorageNodeStub:
    return node_pb2_grpc.StorageNodeStub(channel)


class TestKv:
    def test_every_answer_says_who_and_at_which_revision(self, kv: storage_pb2_grpc.KVStub) -> None:
        headers = [
            kv.Put(pb.PutRequest(key=b"a", value=b"1")).header,
            kv.Range(pb.RangeRequest(key=b"a")).header,
            kv.Txn(pb.TxnRequest(success=[pb.RequestOp(request_range=pb.RangeRequest(key=b"a"))])).header,
            kv.Compact(pb.CompactionRequest(revision=2)).header,
            kv.DeleteRange(pb.DeleteRangeRequest(key=b"a")).header,
        ]
        assert [header.revision for header in headers] == [2, 2, 2, 2, 3]
        assert {(header.member_id > 0, header.cluster_id > 0, header.raft_term) for header in headers} == {
            (True, True, 1)
        }
        assert len({header.member_id for header in headers}) == 1

    @pytest.mark.parametrize(
        ("method", "request_", "code", "message"),
        [
            ("Range", pb.RangeRequest(), "INVALID_ARGUMENT", "etcdserver: key is not provided"),
            ("Put", pb.PutRequest(), "INVALID_ARGUMENT", "etcdserver: key is not provided"),
            ("Put", pb.PutRequest(key=b"a", lease=1), "NOT_FOUND", "etcdserver: requested lease not found"),
            ("Put", pb.PutRequest(key=b"a", ignore_value=True), "INVALID_ARGUMENT", "etcdserver: key not found"),
            (
                "Put",
                pb.PutRequest(key=b"a", value=bytes(2**21 - 10)),
                "INVALID_ARGUMENT",
                "etcdserver: request is too large",
            ),
            (
                "Range",
                pb.RangeRequest(key=b"a", revision=9),
                "OUT_OF_RANGE",
                "etcdserver: mvcc: required revision is a future revision",
            ),
            (
                "Compact",
                pb.CompactionRequest(revision=-1),
                "OUT_OF_RANGE",
                "etcdserver: mvcc: required revision has been compacted",
            ),
            (
                "Txn",
                pb.TxnRequest(success=[pb.RequestOp(request_put=pb.PutRequest(key=b"a"))] * 2),
                "INVALID_ARGUMENT",
                "etcdserver: duplicate key given in txn request",
            ),
        ],
    )
    def test_faults_have_etcds_codes_and_words(
        self, kv: storage_pb2_grpc.KVStub, method: str, request_: object, code: str, message: str
    ) -> None:
        with pytest.raises(grpc.RpcError) as caught:
            getattr(kv, method)(request_)
        assert (caught.value.code().name, caught.value.details()) == (code, message)

    def test_an_older_revision_is_compacted(self, kv: storage_pb2_grpc.KVStub) -> None:
        for _ in range(2):
            kv.Put(pb.PutRequest(key=b"a"))
        with pytest.raises(grpc.RpcError) as caught:
            kv.Range(pb.RangeRequest(key=b"a", revision=2))
        assert caught.value.code() is grpc.StatusCode.OUT_OF_RANGE

    def test_concurrent_compare_and_swap_counts_right(self, kv: storage_pb2_grpc.KVStub) -> None:
        kv.Put(pb.PutRequest(key=b"n", value=b"0"))

        def increment(_: int) -> None:
            while True:
                old = kv.Range(pb.RangeRequest(key=b"n")).kvs[0]
                request = pb.TxnRequest(
                    compare=[pb.Compare(key=b"n", target=pb.Compare.MOD, mod_revision=old.mod_revision)],
                    success=[pb.RequestOp(request_put=pb.PutRequest(key=b"n", value=b"%d" % (int(old.value) + 1)))],
                )
                if kv.Txn(request).succeeded:
                    return

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(increment, range(64)))
        assert kv.Range(pb.RangeRequest(key=b"n")).kvs[0].value == b"64"

    @pytest.mark.parametrize("method", NOT_THERE)
    def test_what_is_not_there_says_so(self, channel: grpc.Channel, method: str) -> None:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(f"/{method}")(b"")
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


class TestMaintenance:
    def test_status(self, kv: storage_pb2_grpc.KVStub, maintenance: storage_pb2_grpc.MaintenanceStub) -> None:
        kv.Put(pb.PutRequest(key=b"a"))
        status = maintenance.Status(pb.StatusRequest())
        assert status.version.startswith("3.4.0+sutra-grid.")
        assert (status.raft_index, status.header.revision, list(status.errors)) == (2, 2, [])
        assert status.leader == status.header.member_id
        assert status.db_size > 0

    def test_no_alarm_while_all_is_well(self, maintenance: storage_pb2_grpc.MaintenanceStub) -> None:
        assert list(maintenance.Alarm(pb.AlarmRequest()).alarms) == []
        assert list(maintenance.Alarm(pb.AlarmRequest(action=pb.AlarmRequest.DEACTIVATE)).alarms) == []
        with pytest.raises(grpc.RpcError) as caught:
            maintenance.Alarm(pb.AlarmRequest(action=pb.AlarmRequest.ACTIVATE))
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED

    def test_equal_content_has_an_equal_hash(
        self, kv: storage_pb2_grpc.KVStub, maintenance: storage_pb2_grpc.MaintenanceStub
    ) -> None:
        def content_hash() -> int:
            content = int(maintenance.HashKV(pb.HashKVRequest()).hash)
            assert maintenance.Hash(pb.HashRequest()).hash == content
            return content

        empty = content_hash()
        kv.Put(pb.PutRequest(key=b"a", value=b"1"))
        one = content_hash()
        maintenance.Defragment(pb.DefragmentRequest())
        assert content_hash() == one != empty

    def test_a_snapshot_counts_down_to_its_end(
        self, kv: storage_pb2_grpc.KVStub, maintenance: storage_pb2_grpc.MaintenanceStub, store: Store
    ) -> None:
        kv.Put(pb.PutRequest(key=b"a", value=bytes(300_000)))
        messages = list(maintenance.Snapshot(pb.SnapshotRequest()))
        total = sum(len(message.blob) for message in messages)
        assert messages[0].header.revision == 2
        assert messages[0].remaining_bytes == total - len(messages[0].blob)
        assert messages[-1].remaining_bytes == 0
        assert list((store.path / "tmp").iterdir()) == []

    def test_a_snapshot_that_is_given_up_leaves_no_copy_and_no_place_taken(
        self, kv: storage_pb2_grpc.KVStub, maintenance: storage_pb2_grpc.MaintenanceStub, store: Store
    ) -> None:
        for number in range(32):
            kv.Put(pb.PutRequest(key=b"%d" % number, value=bytes(range(256)) * 4000))
        for _ in range(4):
            stream = maintenance.Snapshot(pb.SnapshotRequest())
            next(stream)
            stream.cancel()
            eventually(lambda: not list((store.path / "tmp").iterdir()))


class TestStorageNode:
    def test_bulk_write_is_one_revision(self, node: node_pb2_grpc.StorageNodeStub, kv: storage_pb2_grpc.KVStub) -> None:
        kv.Put(pb.PutRequest(key=b"old"))
        entries = [node_pb2.BulkEntry(key=b"%05d" % number, value=b"v" * 50) for number in range(10_000)]
        entries += [node_pb2.BulkEntry(key=b"old", delete=True), node_pb2.BulkEntry(key=b"never", delete=True)]
        entries.append(node_pb2.BulkEntry(key=b"00000", value=b"again"))
        response = node.BulkWrite(node_pb2.BulkWriteRequest(entries=entries))
        assert (response.revision, response.written, response.deleted) == (3, 10_001, 1)
        answer = kv.Range(pb.RangeRequest(key=b"\0", range_end=b"\0", limit=1))
        assert (answer.count, answer.kvs[0].value, answer.kvs[0].version) == (10_000, b"again", 2)
        assert answer.kvs[0].create_revision == answer.kvs[0].mod_revision == 3

    @pytest.mark.parametrize(
        ("entries", "message"),
        [
            ([node_pb2.BulkEntry(key=b"a"), node_pb2.BulkEntry()], "entries[1].key is empty"),
            ([node_pb2.BulkEntry(key=b"a")] * 20_001, "20001 entries exceed the limit of 20000"),
            ([node_pb2.BulkEntry(key=b"a", value=bytes(15 << 20))], "more than a response can carry"),
        ],
    )
    def test_bulk_write_refuses(
        self, node: node_pb2_grpc.StorageNodeStub, entries: list[node_pb2.BulkEntry], message: str
    ) -> None:
        with pytest.raises(grpc.RpcError) as caught:
            node.BulkWrite(node_pb2.BulkWriteRequest(entries=entries))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert message in caught.value.details()

    def test_statistics(self, node: node_pb2_grpc.StorageNodeStub, kv: storage_pb2_grpc.KVStub) -> None:
        kv.Put(pb.PutRequest(key=b"a"))
        kv.Range(pb.RangeRequest(key=b"a"))
        found = node.GetStatistics(node_pb2.StatisticsRequest())
        assert (found.node_id, found.revision, found.keys, found.writes, found.reads) == ("node-1", 2, 1, 1, 1)
        assert found.engine.startswith("RocksDB")
        assert found.memory_limit_bytes == 96 << 20
        assert (found.read_only, found.reason) == (False, "")
        assert found.disk_bytes > 0
        assert found.wal_bytes > 0

    def test_flush_and_checkpoint(
        self, node: node_pb2_grpc.StorageNodeStub, kv: storage_pb2_grpc.KVStub, store: Store
    ) -> None:
        kv.Put(pb.PutRequest(key=b"a"))
        assert node.Flush(node_pb2.FlushRequest()).revision == 2
        copy = node.Checkpoint(node_pb2.CheckpointRequest(name="one"))
        assert (copy.path, copy.revision) == (str(store.path / "checkpoints" / "one"), 2)
        with pytest.raises(grpc.RpcError) as caught:
            node.Checkpoint(node_pb2.CheckpointRequest(name="one"))
        assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS


def test_health_and_reflection_know_every_service(channel: grpc.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    (answer,) = stub.ServerReflectionInfo(iter([request]))
    names = {service.name for service in answer.list_services_response.service}
    assert {"etcdserverpb.KV", "etcdserverpb.Maintenance", "grid.StorageNode", "grpc.health.v1.Health"} <= names
    health = health_pb2_grpc.HealthStub(channel)
    for name in ("", "etcdserverpb.KV", "grid.StorageNode"):
        status = health.Check(health_pb2.HealthCheckRequest(service=name)).status
        assert status == health_pb2.HealthCheckResponse.SERVING
