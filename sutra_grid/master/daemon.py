"""``sutra-grid-master``: reads the configuration, opens the registry and serves until a signal stops it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from sutra_grid import __version__
from sutra_grid.core.redaction import redact_text
from sutra_grid.master.config import SCHEMA, config_warnings, master_config
from sutra_grid.runtime.config import Config
from sutra_grid.runtime.daemon import Checks, Flag, Mode, daemon_command
from sutra_grid.runtime.logging import get_logger

if TYPE_CHECKING:
    from sutra_grid.core.types import Event
    from sutra_grid.master.config import MasterConfig
    from sutra_grid.registry import Registry

log = get_logger("sutra_grid.master.daemon")  # the same name when run as a module, __main__


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT. Returns 0."""
    return _serve(master_config(config), rebuild=False)


def run_rebuilt(config: Config) -> int:
    """Set a damaged registry aside, then serve with a new one. Returns 0."""
    return _serve(master_config(config), rebuild=True)


def _serve(settings: MasterConfig, *, rebuild: bool) -> int:
    import gc

    from sutra_grid.master.master import Master
    from sutra_grid.runtime.affinity import pin_to_one_cpu
    from sutra_grid.runtime.shutdown import Shutdown

    if settings.pin_cpu:
        log.debug("pinned", cpu=pin_to_one_cpu())
    with Shutdown() as shutdown, _registry(settings, rebuild=rebuild) as registry, Master(settings, registry) as master:
        # What is loaded now lives as long as the process, so the collector can skip it from now on.
        gc.collect()
        gc.freeze()
        log.info("ready", address=master.address, registry=registry.name, version=__version__, tls=bool(settings.tls))
        shutdown.wait()
        log.info("stopping", reason=shutdown.reason)
    log.info("stopped")
    return 0


@contextmanager
def _registry(settings: MasterConfig, *, rebuild: bool) -> Iterator[Registry]:
    """The open and migrated registry. A second master on the same file is refused before it reads it."""
    from sutra_grid.registry import Registry, sqlite_file
    from sutra_grid.runtime.files import lock_file

    with ExitStack() as stack:
        if file := sqlite_file(settings.registry_url):
            if not settings.registry_url.partition("///")[2].startswith(("/", "~")):
                log.warning("registry_url is relative: a start elsewhere uses another registry", file=file)
            with suppress(OSError):  # lock_file reports what is wrong with the directory
                file.parent.mkdir(parents=True, exist_ok=True)
            lock = file.with_name(f"{file.name}.master-lock")
            stack.enter_context(lock_file(lock, "as the master of this registry"))
        first_events = _set_aside(settings) if rebuild else []
        registry = Registry.open(
            settings.registry_url, password_file=settings.registry_password_file, migrate=True, hold=True
        )
        stack.callback(registry.close)
        registry.append_events(first_events)
        yield registry


def _set_aside(settings: MasterConfig) -> list[Event]:
    """Move the damaged registry away. A log line and the first event of the new registry say where it is."""
    from sutra_grid.core.event_kinds import EventKind
    from sutra_grid.core.types import Actor, Event, Reason
    from sutra_grid.registry import set_damaged_aside
    from sutra_grid.runtime.clock import SystemClock, wall_ms

    now_ms = wall_ms(SystemClock())
    why, kept = set_damaged_aside(settings.registry_url, now_ms)
    log.warning("registry set aside", registry=redact_text(settings.registry_url), kept=kept, why=why)
    message = f"rebuilt from the agents' reports; the old registry was corrupt ({why}) and is kept as {kept}"
    return [Event(EventKind.REGISTRY_REBUILT, now_ms, Actor.OPERATOR, reason=Reason.REGISTRY_DAMAGED, message=message)]


main = daemon_command(
    "sutra-grid-master",
    help="The control plane of a grid: keeps the state of all agents and storage nodes and carries out commands.",
    schema=SCHEMA,
    run=run,
    checks=Checks(master_config, config_warnings),
    flags=[
        Flag("--listen", "master.listen", "Address for agents and clients (HOST:PORT)."),
        Flag(
            "--registry-url",
            "master.registry_url",
            "URL of the registry: sqlite:////PATH or postgresql+psycopg://USER@HOST/DATABASE",
        ),
        Flag("--log-level", "logging.level", "Lowest level of records to write."),
    ],
    modes=[
        Mode(
            "--rebuild",
            run_rebuilt,
            "Set a damaged SQLite registry aside and start with a new one, which the agents' reports fill again. "
            "Refused if the registry is not damaged.",
        )
    ],
)

if __name__ == "__main__":
    main()
