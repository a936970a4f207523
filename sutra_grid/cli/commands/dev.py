"""``dev``: runs a whole grid on this machine until Ctrl-C."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any, Final

import click

from sutra_grid.cli.context import DEV_DIRECTORY, GridCommand, options_of
from sutra_grid.runtime.net import MAX_PORT

MAX_AGENTS: Final = 50
MAX_NODES: Final = 100
PORT: Final = click.IntRange(1, MAX_PORT)
_PORTS: Final = re.compile(r"(\d{1,5})-(\d{1,5})")


def _range(_ctx: click.Context, _param: click.Parameter, value: str | None) -> range | None:
    """``51000-51030`` as a range; None when it is not given."""
    if value is None:
        return None
    found = _PORTS.fullmatch(value)
    first, last = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= first <= last <= MAX_PORT:
        raise click.BadParameter(f"invalid range of ports {value!r}: write FIRST-LAST, such as 51000-51030.")
    return range(first, last + 1)


@click.command(cls=GridCommand)
@click.option("--tls", "with_tls", is_flag=True, help="Close the grid: certificates, a token and a user, printed once.")
@click.option("--agents", type=click.IntRange(1, MAX_AGENTS), default=None, help="How many agents. [default: 3]")
@click.option(
    "--nodes-per-agent",
    type=click.IntRange(0, MAX_NODES),
    default=None,
    help="How many storage nodes on each agent. [default: 3]",
)
@click.option("--master-port", type=PORT, default=None, metavar="PORT",
              help="The master's port. [default: as before, or 7000 or the next free one]")  # fmt: skip
@click.option("--admin-port", type=PORT, default=None, metavar="PORT",
              help="The admin's port. [default: as before, or 7080 or the next free one]")  # fmt: skip
@click.option("--token-port", type=PORT, default=None, metavar="PORT",
              help="The port for tokens, with --tls. [default: as before, or 7002 or the next free one]")  # fmt: skip
@click.option("--agent-ports", callback=_range, metavar="FIRST-LAST",
              help="The ports of the agents. [default: as before, or free ones from 7001]")  # fmt: skip
@click.option("--node-ports", callback=_range, metavar="FIRST-LAST",
              help="The ports of all storage nodes; each agent gets an equal part. "
              "[default: as before, or free ones from 50051]")  # fmt: skip
@click.option(
    "--data-dir",
    "--dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEV_DIRECTORY,
    show_default=True,
    help="The directory for all files of the grid.",
)
@click.pass_context
def dev(
    ctx: click.Context,
    /,
    with_tls: bool,
    agents: int | None,
    nodes_per_agent: int | None,
    data_dir: Path,
    **ports: Any,
) -> None:
    """Run a whole grid on this machine: a master, an admin, agents and storage nodes.

    All are real processes with one directory for their files. Ctrl-C stops them. The same
    command starts them again with the same agents, nodes, ports and data.

    With --tls every connection is encrypted, and needs a certificate, a token or a login. The same directory may
    be started with and without it.
    """
    from sutra_grid.cli.dev.ports import PortWishes
    from sutra_grid.cli.dev.session import run
    from sutra_grid.runtime.shutdown import Shutdown

    if ports["token_port"] and not with_tls:
        raise click.UsageError("--token-port is for a grid with TLS. Give --tls too.")
    numbers = {name: ports[f"{name}_port"] or 0 for name in ("master", "admin", "token")}
    wishes = PortWishes(**numbers, agents=ports["agent_ports"], nodes=ports["node_ports"])
    with Shutdown() as shutdown:
        # Closing the terminal stops the grid, as Ctrl-C does.
        former = signal.signal(signal.SIGHUP, lambda *_: shutdown.request("SIGHUP"))
        try:
            run(options_of(ctx), shutdown, data_dir, agents, nodes_per_agent, wishes, with_tls=with_tls)
        finally:
            signal.signal(signal.SIGHUP, former)
