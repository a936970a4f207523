"""``sutra-grid-master``: reads the configuration, opens the registry, serves until it is told to end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sutra_grid import __version__
from sutra_grid.master.config import SCHEMA, master_config
from sutra_grid.runtime.config import Config
from sutra_grid.runtime.daemon import Flag, daemon_command
from sutra_grid.runtime.logging import get_logger

if TYPE_CHECKING:
    from sutra_grid.master.config import MasterConfig
    from sutra_grid.registry import Registry

log = get_logger("sutra_grid.master.daemon")  # also when it is run as a module, by the name __main__


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT; 0."""
    import gc

    from sutra_grid.master.master import Master
    from sutra_grid.runtime.affinity import pin_to_one_cpu
    from sutra_grid.runtime.shutdown import Shutdown

    settings = master_config(config)
    if settings.pin_cpu:
        log.debug("pinned", cpu=pin_to_one_cpu())
    with Shutdown() as shutdown, _registry(settings) as registry, Master(settings, registry) as master:
        # What is loaded now lives as long as the process: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        log.info("ready", address=master.address, registry=registry.name, version=__version__)
        shutdown.wait()
        log.info("stopping", reason=shutdown.reason)
    log.info("stopped")
    return 0


@contextmanager
def _registry(settings: MasterConfig) -> Iterator[Registry]:
    """The registry, open and up to date; a second master on the same file is refused."""
    from sutra_grid.registry import Registry
    from sutra_grid.runtime.files import lock_file

    registry = Registry.open(settings.registry_url, migrate=True)
    try:
        if settings.registry_url.startswith("sqlite"):
            with lock_file(Path(f"{registry.name}.master-lock"), "as the master of this registry"):
                yield registry
        else:
            yield registry
    finally:
        registry.close()


main = daemon_command(
    "sutra-grid-master",
    help="The control plane of a grid: knows every agent and every storage node, and is told what should run.",
    schema=SCHEMA,
    run=run,
    check=master_config,
    flags=[
        Flag("--listen", "master.listen", "Address that agents and clients call, HOST:PORT."),
        Flag(
            "--registry-url", "master.registry_url", "Where the registry is: sqlite:////PATH or postgresql+psycopg://…"
        ),
        Flag("--log-level", "logging.level", "The least severe records that are written."),
    ],
)

if __name__ == "__main__":
    main()
