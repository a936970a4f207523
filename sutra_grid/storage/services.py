"""The gRPC services of a node."""

from __future__ import annotations

from collections.abc import Mapping

from sutra_grid.runtime.clock import SystemClock
from sutra_grid.storage.counter import Counter
from sutra_grid.storage.etcd.client_address import ClientAddress
from sutra_grid.storage.etcd.cluster_service import ClusterService
from sutra_grid.storage.etcd.kv_service import KvService
from sutra_grid.storage.etcd.maintenance_service import MaintenanceService
from sutra_grid.storage.identity import Identity
from sutra_grid.storage.memory import MemoryBudget
from sutra_grid.storage.node_service import NodeService
from sutra_grid.storage.store import Store
from sutra_grid.wire import node_pb2_grpc, storage_pb2_grpc
from sutra_grid.wire.server import Adder


def services(store: Store, node_id: str, budget: MemoryBudget, address: ClientAddress) -> Mapping[str, Adder]:
    """Each service by its full name, for ``wire.server.serve``. Tell ``address`` where that listens."""
    identity = Identity.of(node_id)
    reads = Counter()
    kv = KvService(store, identity, reads)
    cluster = ClusterService(identity, address)
    maintenance = MaintenanceService(store, identity)
    node = NodeService(store, identity, budget, reads, SystemClock())
    return {
        "etcdserverpb.KV": lambda server: storage_pb2_grpc.add_KVServicer_to_server(kv, server),
        "etcdserverpb.Cluster": lambda server: storage_pb2_grpc.add_ClusterServicer_to_server(cluster, server),
        "etcdserverpb.Maintenance": lambda server: storage_pb2_grpc.add_MaintenanceServicer_to_server(
            maintenance, server
        ),
        "grid.StorageNode": lambda server: node_pb2_grpc.add_StorageNodeServicer_to_server(node, server),
    }
