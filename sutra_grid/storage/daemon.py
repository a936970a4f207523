"""``sutra-storage-server``: one store behind one gRPC server, until a signal ends it."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from sutra_grid.runtime.affinity import pin_to_one_cpu, reset_affinity
from sutra_grid.runtime.allocator import return_memory_early
from sutra_grid.runtime.config import Config
from sutra_grid.runtime.daemon import Checks, daemon_command
from sutra_grid.runtime.descriptors import descriptor_limit
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.shutdown import Shutdown
from sutra_grid.storage.config import FLAGS, SCHEMA, STANDALONE, StorageConfig, config_warnings

HEALTH_SECONDS = 1.0
"""How often the health service gets the store's state."""

log = get_logger("sutra_grid.storage.daemon")  # also when it is run as a module, by the name __main__


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT, or restore and end. Raises ``GridError`` when the start fails."""
    settings = StorageConfig.of(config)
    return_memory_early()
    reset_affinity()
    if settings.restore is not None:
        return _restore(settings, settings.restore)
    if settings.pin_cpu:
        pin_to_one_cpu()
    return _serve(settings)


def _restore(settings: StorageConfig, source: Path) -> int:
    from sutra_grid.storage.archive import restore

    manifest = restore(source, settings.storage_path)
    log.info(
        "store restored",
        path=settings.storage_path,
        revision=manifest.revision,
        keys=manifest.keys,
        source=source,
        copy_of=manifest.node_id or "unknown",  # a checkpoint does not say
    )
    if manifest.node_id and settings.node_id not in (manifest.node_id, STANDALONE):
        log.warning("the snapshot is of another node", node=settings.node_id, copy_of=manifest.node_id)
    return 0


def _serve(settings: StorageConfig) -> int:
    from sutra_grid.storage.descriptors import DescriptorBudget
    from sutra_grid.storage.etcd.client_address import ClientAddress
    from sutra_grid.storage.memory import MemoryBudget
    from sutra_grid.storage.services import services
    from sutra_grid.storage.store import Store
    from sutra_grid.wire.server import Security, ServerLimits, serve
    from sutra_grid.wire.tls import ServerTls

    budget = MemoryBudget.of(settings.memory_limit_mb)
    address = ClientAddress("https" if settings.tls else "http")
    descriptors = DescriptorBudget.of(descriptor_limit())
    with (
        Shutdown() as shutdown,
        Store.open(settings.storage_path, budget, descriptors.tables) as store,
        serve(
            services(store, settings.node_id, budget, address),
            host=settings.listen,
            port=settings.port,
            limits=ServerLimits(
                workers=settings.workers, calls=settings.max_concurrent_calls, connections=descriptors.connections
            ),
            name="storage",
            security=Security(tls=ServerTls(settings.tls, mutual=True) if settings.tls else None),
        ) as server,
    ):
        address.bound(server.host, server.port)
        gc.collect()
        gc.freeze()  # objects that exist now stay until the end; later collections can skip them
        log.info(
            "ready",
            address=server.address,
            node=settings.node_id,
            path=settings.storage_path,
            revision=store.state.revision,
            keys=store.state.keys,
            connections=descriptors.connections,
            tls=settings.tls is not None,
            pid=os.getpid(),
        )
        while not shutdown.wait(HEALTH_SECONDS):
            failure = store.failure
            server.set_serving(failure is None, why=str(failure or ""))
        log.info("stopping", reason=shutdown.reason)
        server.stop(settings.stop_grace_secs)
    log.info("stopped", node=settings.node_id)
    return 0


main = daemon_command(
    "sutra-storage-server",
    help="A durable key-value store that answers the key-value calls of etcd's v3 API: no watches, leases or users.",
    schema=SCHEMA,
    run=run,
    checks=Checks(StorageConfig.of, config_warnings),
    flags=FLAGS,
)

if __name__ == "__main__":
    main()
