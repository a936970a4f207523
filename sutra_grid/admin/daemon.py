"""``sutra-grid-admin``: runs the application in gunicorn until a signal stops it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from sutra_grid.admin.config import DEFAULT_PORT, FLAGS, MASTER_TLS, SCHEMA, AdminConfig, config_warnings
from sutra_grid.core.errors import AlreadyExists, Unavailable
from sutra_grid.runtime.daemon import Checks, daemon_command
from sutra_grid.runtime.listening import check_can_listen
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.net import parse_host_port
from sutra_grid.runtime.tls.https import certificate_warnings, checked_tls_files
from sutra_grid.runtime.tls.member import time_faults

if TYPE_CHECKING:
    from sutra_grid.runtime.config import Config, Fault

log = get_logger("sutra_grid.admin.daemon")  # when run as a module, __name__ is __main__

#: How long the port may stay in use by the workers of a killed admin. They exit within a second.
ORPHANED_WORKERS_SECONDS: Final = 3.0


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT. Raises ``GridError`` for an address in use or an unusable registry."""
    settings = AdminConfig.of(config)
    _refuse_taken_port(settings.listen)
    _refuse_wrong_registry(settings)
    from sutra_grid.admin.server.gunicorn import AdminServer

    AdminServer(settings).run()
    return 0


def _refuse_taken_port(listen: str) -> None:
    """Raise ``GridError`` when the address can't be used. gunicorn would retry for seconds and not say why.

    Waits for the workers of a killed admin, which keep its port until they notice.
    """
    host, port = parse_host_port(listen, DEFAULT_PORT)
    never, deadline = threading.Event(), time.monotonic() + ORPHANED_WORKERS_SECONDS
    while True:
        try:
            check_can_listen(host, port)
        except AlreadyExists:
            if time.monotonic() >= deadline:
                raise
            never.wait(0.1)
        else:
            return


def _refuse_wrong_registry(settings: AdminConfig) -> None:
    """Raise ``GridError`` for a registry that is newer than this program. One that is unavailable may recover."""
    from sutra_grid.registry import Registry

    try:
        Registry.open(
            settings.registry_url, password_file=settings.registry_password_file, migrate=False
        ).close()  # each worker opens its own after the fork
    except Unavailable as error:
        log.warning("registry not available", error=error.message, hint=error.hint)


def _check(config: Config) -> None:
    AdminConfig.of(config)
    checked_tls_files(config)


def _warnings(config: Config) -> list[Fault]:
    return [*config_warnings(config), *certificate_warnings(config), *time_faults(config, MASTER_TLS)]


main = daemon_command(
    "sutra-grid-admin",
    help="The HTTP API and the web pages of a grid. Reads come from the registry, commands go to the master.",
    schema=SCHEMA,
    run=run,
    checks=Checks(_check, _warnings),
    flags=FLAGS,
)

if __name__ == "__main__":
    main()
