"""``agents``: list, show, drain, undrain and remove."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import click

from sutra_grid.cli.client import connect, whole_task
from sutra_grid.cli.commands.columns import AGENTS, NODES
from sutra_grid.cli.commands.each import Many, for_each
from sutra_grid.cli.commands.ids import full_agent_ids, on_agent
from sutra_grid.cli.commands.node_show import log_problem_text
from sutra_grid.cli.commands.options import complete_agents, confirm_or_refuse, watch_options, yes_option
from sutra_grid.cli.context import GridGroup, Options, options_of
from sutra_grid.cli.output.colors import paint
from sutra_grid.cli.output.printer import emit, list_text, now_ms, one_text
from sutra_grid.cli.output.progress import progress
from sutra_grid.cli.output.times import clock_time
from sutra_grid.cli.output.watch import Watch
from sutra_grid.client import drain as agent_drain
from sutra_grid.client.descriptions import (
    agent_status,
    memory_limits,
    reachability_text,
    removal_of_record,
    stopped_by_drain_text,
)
from sutra_grid.client.master_client import MasterClient
from sutra_grid.core.age import age
from sutra_grid.core.agent.host_changes import DATA
from sutra_grid.core.agent.insecure import insecure_text
from sutra_grid.core.errors import NotFound
from sutra_grid.core.size import size
from sutra_grid.core.text import printable
from sutra_grid.core.types import AgentStatus
from sutra_grid.wire import grid_pb2 as pb

agent_ids = click.argument("agent_ids", metavar="AGENT...", nargs=-1, required=True, shell_complete=complete_agents)

_INTERRUPTED: Final = "What the master has received goes on, see `sutra-grid-cli agents list`. Run the command again"


@click.group(cls=GridGroup)
def agents() -> None:
    """List, show, drain and remove agents."""


@agents.command("list")
@watch_options
@click.pass_context
def list_agents(ctx: click.Context, watch: bool, interval_seconds: float) -> None:
    """List all agents, with the state of their hosts."""
    options = options_of(ctx)
    with connect(options) as client:

        def draw() -> str:
            answer = client.list_agents()
            return list_text(options, AGENTS, sorted(answer.agents, key=lambda agent: agent.agent_id))

        if watch:
            Watch(options, draw, interval_seconds).run()
        else:
            emit(draw())


@agents.command()
@click.argument("agent_id", metavar="AGENT", shell_complete=complete_agents)
@click.pass_context
def show(ctx: click.Context, agent_id: str) -> None:
    """Show one agent: its host, its liveness and its nodes."""
    options = options_of(ctx)
    with connect(options) as client:
        agent = on_agent(client, agent_id, client.get_agent)
    emit(one_text(options, agent, agent.agent_id, lambda colored: describe_agent(options, agent, colored=colored)))


@agents.command()
@agent_ids
@click.option("--stop-nodes", is_flag=True, help="Stop its nodes too, and wait until it reports no process of them.")
@click.pass_context
def drain(ctx: click.Context, agent_ids: tuple[str, ...], stop_nodes: bool) -> None:
    """Keep new nodes away from agents, and stop their nodes with --stop-nodes.

    An agent is drained when no process of a node is left on it. Stopped nodes keep their
    data.
    """
    options = options_of(ctx)

    def change(client: MasterClient, agent_id: str) -> tuple[pb.AgentRecord, str]:
        agent = agent_drain.drain(client, agent_id)
        ran = agent_drain.should_run(agent)
        if stop_nodes:
            with progress(options, f"{agent_id}: stopping its nodes") as say:
                agent = agent_drain.stop_nodes(client, agent_id, say)
        left = agent_drain.left_on(agent)
        if not left:
            stopped = stopped_by_drain_text(agent) if stop_nodes else ""
            forgotten = agent_drain.forgotten_text(agent, ran)
            return agent, f"drained{f'; it has stopped {stopped}' if stopped else ''}{forgotten}"
        hint = f"sutra-grid-cli agents drain {agent_id} --stop-nodes"
        return agent, f"takes no new nodes; {agent_drain.left_text(agent, left, hint)}"

    undo = f"sutra-grid-cli agents undrain {' '.join(agent_ids)}{' --start-nodes' if stop_nodes else ''}"
    rest = f"{_INTERRUPTED} to finish it, or take it back with `{undo}`"
    _change_agents(options, agent_ids, change, Many("agents", "drained", rest))


@agents.command()
@agent_ids
@click.option("--start-nodes", is_flag=True, help="Start the nodes again that the drain has stopped, and no others.")
@click.pass_context
def undrain(ctx: click.Context, agent_ids: tuple[str, ...], start_nodes: bool) -> None:
    """Let agents accept new nodes again, and start with --start-nodes what the drain has stopped.

    A node that a person has stopped, before the drain or after it, stays stopped.
    """
    options = options_of(ctx)

    def change(client: MasterClient, agent_id: str) -> tuple[pb.AgentRecord, str]:
        agent = client.undrain_agent(agent_id)
        if start_nodes:
            with progress(options, f"{agent_id}: starting its nodes") as say:
                started = agent_drain.start_nodes(client, agent_id, say)
            agent = client.get_agent(agent_id)
            return agent, f"takes new nodes; {agent_drain.started_text(agent, started)}"
        stopped = stopped_by_drain_text(agent)
        return agent, f"takes new nodes{f'; its drain has stopped {stopped}' if stopped else ''}"

    _change_agents(options, agent_ids, change, Many("agents", "undrained", f"{_INTERRUPTED} to finish it"))


@agents.command()
@agent_ids
@click.option("--force", is_flag=True, help="Remove them though their nodes may still run.")
@yes_option
@click.pass_context
def remove(ctx: click.Context, agent_ids: tuple[str, ...], force: bool, yes: bool) -> None:
    """Remove agents and the records of their nodes.

    Use it for hosts that are gone for good: an agent must be offline. While a node may still
    run, --force is needed. No data is deleted. An agent that comes back registers as new, and
    stops the nodes that were removed with it. With --yes the ids must be whole.
    """
    options = options_of(ctx)
    with connect(options) as client:
        # The beginning of an id is enough where a person sees the whole id before the removal.
        chosen = list(agent_ids)

        def question() -> str:
            chosen[:] = full_agent_ids(client, agent_ids)
            return _removal_question(client, chosen)

        confirm_or_refuse(question, yes=yes)
        whole = whole_task(client, options)

        def remove_one(agent_id: str) -> None:
            whole.remove_agent(agent_id, force=force)
            emit(agent_id if options.output == "name" else f"{agent_id} removed" if _for_people(options) else "")

        for_each(options, chosen, remove_one, many=Many("agents", "removed"))


def _removal_question(client: MasterClient, agent_ids: Sequence[str]) -> str:
    """What is lost with each agent, in the words of the master; an agent that is not found says so when removed."""
    lines = []
    for agent_id in agent_ids:
        try:
            removal = removal_of_record(client.get_agent(agent_id))
        except NotFound:
            continue
        danger = f" {removal.danger()}." if removal.needs_force else ""
        lines.append(printable(f"{agent_id}:{danger} {removal.loss()}"))
    return "\n".join([*lines, f"Remove {', '.join(agent_ids)}?"])


def _change_agents(
    options: Options,
    ids: tuple[str, ...],
    change: Callable[[MasterClient, str], tuple[pb.AgentRecord, str]],
    many: Many,
) -> None:
    """Change each agent in turn. ``change`` returns its record and a description of the outcome."""
    changed: list[pb.AgentRecord] = []
    with connect(options) as connected:
        whole = whole_task(connected, options)

        def change_one(agent_id: str) -> None:
            client = whole.within(options.timeout_seconds)
            agent, text = on_agent(connected, agent_id, lambda name: change(client, name))
            changed.append(agent)
            if _for_people(options):
                emit(f"{agent.agent_id} {text}")

        try:
            for_each(options, ids, change_one, many=many)
        finally:
            if changed and not _for_people(options):
                emit(list_text(options, AGENTS, changed))


def _for_people(options: Options) -> bool:
    return options.output in ("table", "wide")


def describe_agent(options: Options, agent: pb.AgentRecord, *, colored: bool) -> str:
    """One agent as text."""
    now = now_ms()
    status = agent_status(agent)
    marked = f"{agent.status}: " if status != agent.status else ""  # only the status itself has a time
    since = f" {marked}since {clock_time(agent.status_since_ms)}" if agent.status_since_ms else ""
    why = " ".join(part for part in (f"({agent.reason})" if agent.reason else "", printable(agent.message)) if part)
    rows = [
        ("Agent", agent.agent_id),
        ("Status", f"{paint(status, status) if colored else status}{since} {why}".rstrip()),
        (
            "Last heartbeat",
            f"{age(agent.last_heartbeat * 1000, now)} ago, every {agent.heartbeat_interval_ms / 1000:g}s",
        ),
        ("Host", f"{agent.hostname} ({agent.platform}), host id {agent.host_id or '-'}"),
        ("Endpoint", agent.agent_endpoint or "- (reached by its heartbeats only)"),
        *([("Reached", printable(reachability_text(agent, now)))] if agent.agent_endpoint else []),
        *(
            [("Refused", f"by the master ({agent.refused}); see: sutra-grid-cli tls revocations")]
            if agent.refused
            else []
        ),
        *([("Open", insecure_text(agent.insecure))] if agent.insecure else []),
        ("Version", agent.version or "-"),
        ("Engines", ", ".join(agent.engines) or "-"),
        ("Data path", agent.data_path or "-"),
        *([("State path", agent.state_path)] if agent.state_path else []),
        ("Labels", ", ".join(f"{key}={value}" for key, value in sorted(agent.labels.items())) or "-"),
        ("Registered", clock_time(agent.registered_at_ms)),
        *host_rows(agent, now),
        ("Nodes", f"{agent.current_storage_nodes} of {agent.max_storage_nodes}"),
        *([("Drain stopped", text)] if (text := stopped_by_drain_text(agent)) else []),
    ]
    lines = [f"{title:<16}{value}" for title, value in rows]
    lines += [
        f"{'Log problem':<16}{node.node_id}: {log_problem_text(node)}"
        for node in agent.storage_nodes
        if node.HasField("log_problem")
    ]
    if agent.storage_nodes:
        lines += ["", list_text(options, NODES, agent.storage_nodes, colored=colored)]
    return "\n".join(lines)


def host_rows(agent: pb.AgentRecord, now: int) -> list[tuple[str, str]]:
    """CPU, memory and disk of the agent's host, if it has reported them; of an offline one with their age."""
    if not agent.HasField("host"):
        return []
    host = agent.host
    old = [("Measured", f"{age(host.at_ms, now)} ago, not current")] if agent.status == AgentStatus.OFFLINE else []
    return [
        *old,
        ("CPU", f"{host.cpu_percent:.0f}% of {host.cpu_count}, load {host.load_average_1m:.2f}"),
        ("Memory free", f"{size(host.memory_available_bytes)} of {size(host.memory_total_bytes)}"),
        *([("Memory limits", limits)] if (limits := memory_limits(agent)) else []),
        ("Disk free", f"{size(host.disk_free_bytes)} of {size(host.disk_total_bytes)}{_below_reserve(host)}"),
        *(_other_disk(host, disk) for disk in host.disks if DATA not in disk.uses),
    ]


def _other_disk(host: pb.HostSample, disk: pb.DiskSample) -> tuple[str, str]:
    low = f", below the reserve of {size(host.disk_reserve_bytes)}" if disk.free_bytes < host.disk_reserve_bytes else ""
    return "", f"{size(disk.free_bytes)} of {size(disk.total_bytes)} on the disk of {' and '.join(disk.uses)}{low}"


def _below_reserve(host: pb.HostSample) -> str:
    if not host.disk_total_bytes or host.disk_free_bytes >= host.disk_reserve_bytes:
        return ""
    return f", below the reserve of {size(host.disk_reserve_bytes)}: no new nodes"
