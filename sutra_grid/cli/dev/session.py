"""One run of ``sutra-grid-cli dev``: lock, plan, start, view, stop."""

from __future__ import annotations

import contextlib
from pathlib import Path

from sutra_grid.cli.context import DEFAULT_MASTER, DEV_DIRECTORY, Options
from sutra_grid.cli.dev.grid import DevGrid, Interrupted, end_leftovers
from sutra_grid.cli.dev.layout import Layout
from sutra_grid.cli.dev.nodes import bring_up_nodes
from sutra_grid.cli.dev.ports import PortWishes, plan_grid
from sutra_grid.cli.dev.view import watch
from sutra_grid.cli.scripts import this_command
from sutra_grid.core.errors import GridError
from sutra_grid.runtime.files import lock_file
from sutra_grid.runtime.net import is_port_free
from sutra_grid.runtime.port_use import port_uses
from sutra_grid.runtime.shutdown import Shutdown


def run(
    options: Options,
    shutdown: Shutdown,
    directory: Path,
    agents: int | None,
    nodes_per_agent: int | None,
    wishes: PortWishes,
) -> None:
    """Run a grid in ``directory`` until ``shutdown``, and always stop it. Raises GridError."""
    layout = Layout(directory)
    layout.make()
    with lock_file(layout.lock, "sutra-grid-cli dev"):
        before = layout.load_plan()
        tell(f"{'Starting a new grid' if before is None else 'Continuing the grid'} in {directory}")
        end_leftovers(layout, say)
        plan = plan_grid(before, agents, nodes_per_agent, is_port_free, wishes, _holder)
        grid = DevGrid(layout, plan, shutdown, say)
        try:
            grid.start()
            bring_up_nodes(grid, say)
            print(welcome(grid), flush=True)
            watch(grid, shutdown, options)
        except Interrupted:
            pass
        finally:
            tell(f"Stopping ({shutdown.reason or 'because of an error'})")
            grid.stop()
    tell(f"Everything is stopped. The same command continues with the data in {directory}.")


def welcome(grid: DevGrid) -> str:
    """The addresses, and the first commands to try."""
    node_id = _any_node(grid)
    cli = f"{this_command()}{_master_option(grid)}"
    url = f"http://{grid.admin_address}"
    return f"""
The grid runs.  Master {grid.master_address}  Admin {url}  Logs {grid.layout.log("x").parent}

  open {url}/ in a browser

  curl {url}/status
  curl {url}/nodes
  curl -X POST {url}/nodes/{node_id}/restart

  {cli} nodes list
  {cli} nodes explain {node_id}
  {cli} nodes spawn
"""


def tell(line: str) -> None:
    """Print a line. A closed terminal must not prevent the stop of the grid."""
    with contextlib.suppress(OSError):
        print(line, flush=True)


def say(who: str, what: str) -> None:
    """Print a step."""
    tell(f"  {who:<13}  {what}")


def _holder(port: int) -> str | None:
    """The process that listens on a port or is connected from it; None when it can't be found."""
    uses = port_uses(port)
    return uses[0].description() if uses else None


def _any_node(grid: DevGrid) -> str:
    try:
        nodes = grid.client.list_nodes().nodes
    except GridError:
        return "NODE"
    return nodes[0].node_id if nodes else "NODE"


def _master_option(grid: DevGrid) -> str:
    """The ``--master`` option for this grid; empty if the command line finds its master without it."""
    if grid.master_address == DEFAULT_MASTER or grid.layout.directory == Path(DEV_DIRECTORY).resolve():
        return ""
    return f" --master {grid.master_address}"
