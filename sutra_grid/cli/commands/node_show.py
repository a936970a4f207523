"""``nodes show``: shows everything that is known about one node."""

from __future__ import annotations

import click

from sutra_grid.cli.client import connect
from sutra_grid.cli.commands.columns import uptime
from sutra_grid.cli.commands.ids import on_node
from sutra_grid.cli.commands.options import complete_nodes
from sutra_grid.cli.context import GridCommand, options_of
from sutra_grid.cli.output.colors import paint
from sutra_grid.cli.output.printer import emit, now_ms, one_text
from sutra_grid.cli.output.times import clock_time
from sutra_grid.client.descriptions import drain_text, exit_text, generation_text, health_text, node_status
from sutra_grid.core.size import size
from sutra_grid.core.text import printable
from sutra_grid.core.types import NodeStatus
from sutra_grid.wire import grid_pb2 as pb


@click.command(cls=GridCommand)
@click.argument("node_id", metavar="NODE", shell_complete=complete_nodes)
@click.pass_context
def show(ctx: click.Context, node_id: str) -> None:
    """Show one node and the resources it uses."""
    options = options_of(ctx)
    with connect(options) as client:
        node = on_node(client, node_id, client.get_node)
    emit(one_text(options, node, node.node_id, lambda colored: describe_node(node, colored=colored)))


def describe_node(node: pb.NodeStatus, *, colored: bool) -> str:
    """One node as text."""
    now = now_ms()
    status = node_status(node)
    why = " ".join(part for part in (f"({node.reason})" if node.reason else "", printable(node.message)) if part)
    rows = [
        ("Node", node.node_id),
        ("Status", f"{paint(status, status) if colored else status}{_since(node)} {why}".rstrip()),
        ("Desired", f"{node.desired}, {generation_text(node)}"),
        *([("Stopped by", drain_text(node).removeprefix("stopped by "))] if node.stopped_by_drain else []),
        ("Agent", node.agent_id),
        ("Endpoint", node.endpoint or printable(node.endpoint_problem) or "-"),
        ("Process", process_text(node, now)),
        ("Health", health_text(node)),
        ("Restarts", str(node.restarts)),
        ("Engine", node.spec.engine or "-"),
        ("Storage path", node.spec.storage_path or "-"),
        ("Memory limit", f"{node.spec.memory_limit_mb}Mi" if node.spec.memory_limit_mb else "-"),
        ("Created", clock_time(node.created_at_ms)),
    ]
    if node.HasField("log_problem"):
        rows.append(("Log problem", log_problem_text(node)))
    rows += [("Last exit" if not i else "", exit_text(ended, now)) for i, ended in enumerate(node.exits)]
    return "\n".join(f"{title:<14}{value}".rstrip() for title, value in rows)


def _since(node: pb.NodeStatus) -> str:
    return f" since {clock_time(node.status_since_ms)}" if node.status_since_ms else ""


def log_problem_text(node: pb.NodeStatus) -> str:
    """What is wrong with the node's log."""
    return f"{node.log_problem.reason}: {printable(node.log_problem.message)}"


def process_text(node: pb.NodeStatus, now: int) -> str:
    """The process and what it uses, in one line. While nobody observes it, only what was reported last."""
    if not node.pid:
        return "none"
    if node.status == NodeStatus.UNKNOWN:
        return f"not known; pid {node.pid} in the last report"
    parts = [f"pid {node.pid}"]
    if up := uptime(node, now):
        parts.append(f"up {up}")
    if node.HasField("sample"):
        sample = node.sample
        parts += [f"{size(sample.rss_bytes)} memory", f"{sample.cpu_percent:.0f}% CPU", f"{sample.threads} threads"]
        if sample.processes > 1:
            parts.append(f"{sample.processes} processes")
    return ", ".join(parts)
