"""``nodes``: the group of all node commands, and the list."""

from __future__ import annotations

import click

from sutra_grid.cli.client import connect
from sutra_grid.cli.commands import many, node_changes
from sutra_grid.cli.commands.columns import NODES
from sutra_grid.cli.commands.explain import explain
from sutra_grid.cli.commands.ids import on_agent
from sutra_grid.cli.commands.node_logs import logs
from sutra_grid.cli.commands.node_show import show
from sutra_grid.cli.commands.options import complete_agents, complete_engines, watch_options
from sutra_grid.cli.commands.rolling_restart import restart
from sutra_grid.cli.context import GridGroup, options_of
from sutra_grid.cli.output.printer import emit, list_text
from sutra_grid.cli.output.watch import Watch
from sutra_grid.client.matching import Filters
from sutra_grid.client.selection import require_engine
from sutra_grid.core.listed_status import ListedStatus
from sutra_grid.wire import grid_pb2 as pb


@click.group(cls=GridGroup)
def nodes() -> None:
    """List, show, spawn, start, stop, restart, remove and explain storage nodes, and read their logs."""


@nodes.command("list")
@click.option(
    "--agent", "agent_id", default="", metavar="AGENT", shell_complete=complete_agents, help="Only nodes of this agent."
)
@click.option(
    "--status",
    type=click.Choice([str(status) for status in ListedStatus]),
    default=None,
    help="Only nodes that are listed with this status. running includes unhealthy, starting includes back-off.",
)
@click.option("--engine", default="", metavar="NAME", shell_complete=complete_engines,
              help="Only nodes of this engine.")  # fmt: skip
@watch_options
@click.pass_context
def list_nodes(
    ctx: click.Context, agent_id: str, status: str | None, engine: str, watch: bool, interval_seconds: float
) -> None:
    """List storage nodes."""
    options = options_of(ctx)
    wanted = (ListedStatus(status),) if status else ()
    # Asked for by a status that every master knows: an earlier one finds nothing for back-off and unhealthy.
    request = pb.ListNodesRequest(agent_id=agent_id, status=wanted[0].status if wanted else "", engine=engine)
    with connect(options) as client:

        def draw() -> str:
            answer = client.list_nodes(request)
            if request.agent_id and not answer.nodes:
                # An agent without nodes is no error, one that does not exist is.
                full_id = on_agent(client, request.agent_id, client.get_agent).agent_id
                if full_id != request.agent_id:
                    request.agent_id = full_id
                    answer = client.list_nodes(request)
            if engine and not answer.nodes:
                require_engine(client, engine)
            rows = Filters(statuses=wanted).of(answer.nodes)
            return list_text(options, NODES, rows, filtered=bool(agent_id or wanted or engine))

        if watch:
            Watch(options, draw, interval_seconds).run()
        else:
            emit(draw())


for command in (show, *node_changes.COMMANDS, *many.COMMANDS, restart, logs, explain):
    nodes.add_command(command)
