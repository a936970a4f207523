"""``sutra-grid-admin``: gunicorn around the application, until a signal ends it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from sutra_grid.admin.config import DEFAULT_PORT, FLAGS, SCHEMA, AdminConfig
from sutra_grid.core.errors import AlreadyExists, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.runtime.daemon import daemon_command
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.net import format_host_port, is_port_free, parse_host_port, port_holder

if TYPE_CHECKING:
    from sutra_grid.runtime.config import Config

log = get_logger("sutra_grid.admin.daemon")  # also when it is run as a module, by the name __main__

ORPHANS_SECONDS: Final = 3.0


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT. Raises ``GridError`` for a taken address and a registry that can never be read."""
    settings = AdminConfig.of(config)
    _refuse_taken_port(settings.listen)
    _refuse_wrong_registry(settings.registry_url)
    from sutra_grid.admin.server.gunicorn import AdminServer

    AdminServer(settings).run()
    return 0


def _refuse_taken_port(listen: str) -> None:
    """gunicorn would try for seconds and then not say who has it.

    The workers of an admin that was killed keep its port until they notice, within a second: they are waited for.
    """
    host, port = parse_host_port(listen, DEFAULT_PORT)
    never, deadline = threading.Event(), time.monotonic() + ORPHANS_SECONDS
    while port != 0 and not is_port_free(port, host):
        if time.monotonic() >= deadline:
            raise _port_taken(host, port)
        never.wait(0.1)


def _port_taken(host: str, port: int) -> AlreadyExists:
    holder = port_holder(port)
    held = f"it is taken by {holder}" if holder else "this host does not have the address, or this user may not use it"
    return AlreadyExists(
        f"can't listen on {format_host_port(host, port)}: {held}",
        reason=Reason.PORT_TAKEN,
        hint="Stop what listens there, or give another address: --listen HOST:PORT",
    )


def _refuse_wrong_registry(url: str) -> None:
    """A registry that does not answer yet is waited for, as one that has to be rebuilt is; one that is newer is not."""
    from sutra_grid.registry import Registry

    try:
        Registry.open(url, migrate=False).close()  # the workers open it anew, after the fork
    except Unavailable as error:
        log.warning("registry not available", error=error.message, hint=error.hint)


main = daemon_command(
    "sutra-grid-admin",
    help="The HTTP API and the pages of a grid: reads from the registry, commands through the master.",
    schema=SCHEMA,
    run=run,
    check=AdminConfig.of,
    flags=FLAGS,
)

if __name__ == "__main__":
    main()
