"""``dev``: runs a whole grid on this machine until Ctrl-C."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Final

import click

from sutra_grid.cli.context import DEV_DIRECTORY, GridCommand, options_of

MAX_AGENTS: Final = 50
MAX_NODES: Final = 100


@click.command(cls=GridCommand)
@click.option("--agents", type=click.IntRange(1, MAX_AGENTS), default=None, help="How many agents. [default: 3]")
@click.option(
    "--nodes-per-agent",
    type=click.IntRange(0, MAX_NODES),
    default=None,
    help="How many storage nodes on each agent. [default: 3]",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEV_DIRECTORY,
    show_default=True,
    help="The directory for all files of the grid.",
)
@click.pass_context
def dev(ctx: click.Context, agents: int | None, nodes_per_agent: int | None, data_dir: Path) -> None:
    """Run a whole grid on this machine: a master, an admin, agents and storage nodes.

    All are real processes with one directory for their files. Ctrl-C stops them. The same
    command starts them again with the same agents, nodes and data.
    """
    from sutra_grid.cli.dev.session import run
    from sutra_grid.runtime.shutdown import Shutdown

    with Shutdown() as shutdown:
        # Closing the terminal stops the grid, as Ctrl-C does.
        former = signal.signal(signal.SIGHUP, lambda *_: shutdown.request("SIGHUP"))
        try:
            run(options_of(ctx), shutdown, data_dir, agents, nodes_per_agent)
        finally:
            signal.signal(signal.SIGHUP, former)
