"""One run of ``sutra-grid-cli dev``: lock, plan, start, view, stop."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path

from sutra_grid.cli.context import Options
from sutra_grid.cli.dev.access import renew_access
from sutra_grid.cli.dev.certificates import ensure_certificates, members
from sutra_grid.cli.dev.grid import DevGrid, Interrupted, end_leftovers
from sutra_grid.cli.dev.layout import GridPlan, Layout
from sutra_grid.cli.dev.nodes import bring_up_nodes
from sutra_grid.cli.dev.ports import PortWishes, plan_grid
from sutra_grid.cli.dev.view import watch
from sutra_grid.cli.dev.welcome import closed_welcome, welcome
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
    *,
    with_tls: bool = False,
) -> None:
    """Run a grid in ``directory`` until ``shutdown``, and always stop it. Raises GridError."""
    layout = Layout(directory)
    layout.make()
    with lock_file(layout.lock, "sutra-grid-cli dev"):
        before = layout.load_plan()
        tell(f"{'Starting a new grid' if before is None else 'Continuing the grid'} in {directory}")
        end_leftovers(layout, say, with_tls=with_tls)
        plan = plan_grid(before, agents, nodes_per_agent, is_port_free, wishes, _holder, with_tls=with_tls)
        if with_tls:
            layout.save_plan(plan)  # with it, a start that ends here leaves the directory of a dev grid
            _make_certificates(layout, plan)
        elif layout.tls.directory.exists():
            say("open", "this grid had TLS; now everybody on this machine may use it. 'dev --tls' closes it again")
        grid = DevGrid(layout, plan, shutdown, say, with_tls=with_tls)
        try:
            grid.start()
            bring_up_nodes(grid, say)
            print(closed_welcome(grid, renew_access(grid.client)) if with_tls else welcome(grid), flush=True)
            watch(grid, shutdown, options)
        except Interrupted:
            pass
        finally:
            tell(f"Stopping ({shutdown.reason or 'because of an error'})")
            grid.stop()
    tell(f"Everything is stopped. The same command continues with the data in {directory}.")


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


def _make_certificates(layout: Layout, plan: GridPlan) -> None:
    layout.directory.chmod(0o700)  # the registry has hashes of passwords
    wanted = members(agent.agent_id for agent in plan.agents)
    made = ensure_certificates(layout.tls, wanted, datetime.now(UTC))
    say("certificates", f"{len(made)} made in {layout.tls.directory}" if made else f"kept in {layout.tls.directory}")
