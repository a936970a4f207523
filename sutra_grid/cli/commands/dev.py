"""``dev``: a whole grid on this machine, from one command to one Ctrl-C."""

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
    "--nodes-per-agent", type=click.IntRange(0, MAX_NODES), default=None, help="Storage nodes on each. [default: 3]"
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEV_DIRECTORY,
    show_default=True,
    help="Where everything of the grid lies.",
)
@click.pass_context
def dev(ctx: click.Context, agents: int | None, nodes_per_agent: int | None, data_dir: Path) -> None:
    """Run a whole grid on this machine: a master, an admin, agents and storage nodes.

    All are real processes in a directory of their own. Ctrl-C stops them; the same
    command starts them again with the same agents, nodes and data.
    """
    from sutra_grid.cli.dev.session import run
    from sutra_grid.runtime.shutdown import Shutdown

    with Shutdown() as shutdown:
        # A terminal that is closed ends the grid as Ctrl-C does.
        former = signal.signal(signal.SIGHUP, lambda *_: shutdown.request("SIGHUP"))
        try:
            run(options_of(ctx), shutdown, data_dir, agents, nodes_per_agent)
        finally:
            signal.signal(signal.SIGHUP, former)
