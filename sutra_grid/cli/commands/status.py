"""``status``: shows the status of the whole grid."""

from __future__ import annotations

from typing import Final

import click

from sutra_grid.cli.client import connect
from sutra_grid.cli.commands.options import watch_options
from sutra_grid.cli.context import GridCommand, options_of
from sutra_grid.cli.output.colors import paint
from sutra_grid.cli.output.printer import emit, now_ms, one_text
from sutra_grid.cli.output.watch import Watch
from sutra_grid.client.master_client import MasterClient
from sutra_grid.core.age import age
from sutra_grid.core.agent.insecure import insecure_agents_text
from sutra_grid.core.text import printable
from sutra_grid.wire import grid_pb2 as pb

INSECURE_WORDS: Final = "the master has no TLS (insecure = true): whoever reaches its address can change everything"


@click.command(cls=GridCommand)
@watch_options
@click.pass_context
def status(ctx: click.Context, watch: bool, interval_seconds: float) -> None:
    """Show the status of the whole grid.

    healthy: every agent is healthy and every node that should run runs, passes its health
    probe, and was stable since its last crash. critical: more than half of the agents are
    offline. degraded: everything else; the reasons follow.
    """
    options = options_of(ctx)
    with connect(options) as client:

        def draw() -> str:
            cluster = client.cluster_status()
            return one_text(
                options, cluster, cluster.status, lambda colored: describe_cluster(client, cluster, colored=colored)
            )

        if watch:
            Watch(options, draw, interval_seconds).run()
        else:
            emit(draw())


def describe_cluster(client: MasterClient, cluster: pb.ClusterStatus, *, colored: bool) -> str:
    """The status as text."""
    health = paint(cluster.status, cluster.status) if colored else cluster.status
    version = f", version {cluster.master_version}" if cluster.master_version else ""
    up = f", up {age(cluster.master_started_at_ms, now_ms())}" if cluster.master_started_at_ms else ""
    lines = [
        f"Grid    {health}",
        f"Master  {client.target}{version}{up}",
        f"Agents  {_counts(cluster.total_agents, _agent_counts(cluster))}",
        f"Nodes   {_counts(cluster.total_storage_nodes, _node_counts(cluster))}",
    ]
    lines += [f"Why     {printable(reason)}" for reason in cluster.reasons]
    if cluster.insecure:
        lines.append(f"Open    {INSECURE_WORDS}")
    if cluster.insecure_agents:
        lines.append(f"Open    {insecure_agents_text(cluster.insecure_agents)}: sutra-grid-cli agents list -o wide")
    if not cluster.total_agents:
        lines.append("Next    start an agent: sutra-grid-agent --config FILE")
    elif not cluster.total_storage_nodes:
        lines.append("Next    start a storage node: sutra-grid-cli nodes spawn")
    return "\n".join(lines)


def _agent_counts(cluster: pb.ClusterStatus) -> list[tuple[int, str]]:
    return [
        (cluster.healthy_agents, "healthy"),
        (cluster.degraded_agents, "degraded"),
        (cluster.offline_agents, "offline"),
    ]


def _node_counts(cluster: pb.ClusterStatus) -> list[tuple[int, str]]:
    return [
        (cluster.running_storage_nodes, "running"),
        (cluster.desired_storage_nodes, "should run"),
        (cluster.failed_storage_nodes, "failed"),
        (cluster.unknown_storage_nodes, "unknown"),
        (cluster.unhealthy_storage_nodes, "unhealthy"),
        (cluster.unstable_storage_nodes, "unstable"),
    ]


def _counts(total: int, parts: list[tuple[int, str]]) -> str:
    """``9 (9 running, 9 should run)``: parts that are zero are omitted."""
    shown = ", ".join(f"{count} {label}" for count, label in parts if count)
    return f"{total} ({shown})" if shown else str(total)
