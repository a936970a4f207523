"""``nodes explain``: shows on one screen why a node has its status and what to do about it."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Callable
from typing import Final

import click

from sutra_grid.cli.client import connect
from sutra_grid.cli.commands.ids import on_node
from sutra_grid.cli.commands.node_show import log_problem_text, process_text
from sutra_grid.cli.commands.options import complete_nodes
from sutra_grid.cli.context import GridCommand, options_of
from sutra_grid.cli.output.colors import is_terminal, paint
from sutra_grid.cli.output.formats import message_to_dict, to_json, to_yaml
from sutra_grid.cli.output.printer import emit, now_ms
from sutra_grid.cli.output.times import clock_time
from sutra_grid.client.descriptions import agent_status, exit_text, generation_text, node_status, own_host_only
from sutra_grid.client.master_client import MasterClient
from sutra_grid.client.next_steps import grid_does_next, next_step
from sutra_grid.core.actor_names import actor_text
from sutra_grid.core.age import age, duration
from sutra_grid.core.errors import DeadlineExceeded, GridError, NotFound, Unavailable
from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.text import printable
from sutra_grid.core.types import AgentStatus, NodeStatus
from sutra_grid.wire import grid_pb2 as pb

# With these bounds everything fits a screen of 24 lines.
EXITS: Final = 3
LOG_LINES: Final = 6
EVENTS: Final = 3

_COMMANDS: Final = frozenset({EventKind.NODE_SPAWNED, EventKind.NODE_COMMANDED})


@click.command(cls=GridCommand)
@click.argument("node_id", metavar="NODE", shell_complete=complete_nodes)
@click.pass_context
def explain(ctx: click.Context, node_id: str) -> None:
    """Explain the status of a node, what the grid does next, and what you should do."""
    options = options_of(ctx)
    with connect(options) as client:
        node = on_node(client, node_id, client.get_node)
        agent = _agent_of(client, node)
        events = _events_of(client, node)
        log = _log_tail(client, node)
    if options.output in ("json", "yaml"):
        facts = {
            "node": message_to_dict(node),
            "agent": message_to_dict(agent) if agent else None,
            "events": [message_to_dict(event) for event in events],
            "log_tail": log,
            "grid_does_next": grid_does_next(node, agent),
            "next_step": next_step(node, agent)._asdict(),
        }
        emit(to_json(facts) if options.output == "json" else to_yaml(facts))
    elif options.output == "name":
        emit(node.node_id)
    else:
        emit(_screen(lambda lines: describe(node, agent, events, lines, colored=options.colored()), log))


def _screen(describe_with: Callable[[list[str]], str], log: list[str]) -> str:
    """On a terminal, drop the oldest log lines until everything fits, wrapped lines included."""
    lines = [f"{line} ({count} times)" if count > 1 else line for line, count in _runs(log)]
    text = describe_with(lines)
    if not is_terminal(sys.stdout):
        return text
    columns, rows = shutil.get_terminal_size()
    while len(lines) > 1 and sum(1 + max(0, len(line) - 1) // columns for line in text.splitlines()) >= rows:
        lines = lines[1:]
        text = describe_with(lines)
    return text


def _runs(lines: list[str]) -> list[tuple[str, int]]:
    """Runs of equal lines, with their length."""
    return [(line, len(list(run))) for line, run in itertools.groupby(lines)]


def _agent_of(client: MasterClient, node: pb.NodeStatus) -> pb.AgentRecord | None:
    try:
        return client.get_agent(node.agent_id)
    except NotFound:
        return None


def _events_of(client: MasterClient, node: pb.NodeStatus) -> list[pb.Event]:
    """The last events, oldest first; none if the registry can't be read, so that the rest is still shown."""
    try:
        request = pb.ListEventsRequest(node_id=node.node_id, limit=EVENTS)
        return list(client.list_events(request).events)
    except (Unavailable, DeadlineExceeded):
        return []


def _log_tail(client: MasterClient, node: pb.NodeStatus) -> list[str]:
    """The last lines of the log: from the report, otherwise from the agent."""
    if node.log_tail:
        return list(node.log_tail[-LOG_LINES:])
    try:
        chunk = client.read_node_log(pb.LogRequest(node_id=node.node_id, tail_lines=LOG_LINES))
    except GridError as error:
        return [f"(can't be read: {error.message})"]
    return chunk.data.decode("utf-8", "replace").splitlines()[-LOG_LINES:]


def describe(
    node: pb.NodeStatus, agent: pb.AgentRecord | None, events: list[pb.Event], log: list[str], *, colored: bool
) -> str:
    """The screen."""
    now = now_ms()
    status = node_status(node)
    why = ": ".join(part for part in (node.reason, printable(node.message)) if part)
    rows = [
        ("Node", f"{node.node_id} at {node.endpoint or '-'}"),
        ("Agent", _agent_text(node, agent, now)),
        ("Desired", f"{node.desired}, {generation_text(node)}"),
        ("Status", f"{paint(status, status) if colored else status}{_since(node, agent, events, now)}"),
        ("Reason", why or "-"),
        ("Process", f"{process_text(node, now)}; restarts: {node.restarts}"),
    ]
    if node.HasField("log_problem"):
        rows.append(("Log problem", log_problem_text(node)))
    if note := own_host_only(node, agent):
        rows.insert(1, ("Endpoint", printable(note)))
    if node.endpoint_problem:
        rows.insert(1, ("Endpoint", printable(node.endpoint_problem)))
    if node.backoff_ms:
        rows.append(("Back-off", f"{duration(node.backoff_ms / 1000)} left until the next start"))
    rows += [("Last exits" if not i else "", exit_text(ended, now)) for i, ended in enumerate(node.exits[:EXITS])]
    rows += [("Events" if not i else "", _event_text(event, now)) for i, event in enumerate(reversed(events))]
    lines = [f"{title:<12}{value}".rstrip() for title, value in rows]
    if log:
        lines.append("Log         as the program wrote it, with the program's own times")
        lines += [f"  | {printable(line)}" for line in log]
    lines.append(f"{'Grid next':<12}{grid_does_next(node, agent)}")
    step = next_step(node, agent)
    lines.append(f"{'You next':<12}{step.text}")
    if step.command:
        lines.append(f"{'':<12}$ {step.command}")
    return "\n".join(lines)


def _agent_text(node: pb.NodeStatus, agent: pb.AgentRecord | None, now: int) -> str:
    if agent is None:
        return f"{node.agent_id}, which the master does not know"
    seen = age(agent.last_heartbeat * 1000, now)
    return f"{agent.agent_id} on {agent.hostname}, {agent_status(agent)}, last heartbeat {seen} ago"


def _since(node: pb.NodeStatus, agent: pb.AgentRecord | None, events: list[pb.Event], now: int) -> str:
    """Since when it has this status; for a command that its agent has not confirmed, since it was given."""
    at_ms = node.status_since_ms
    if not at_ms and node.status == NodeStatus.UNKNOWN:  # of a master that does not tell it
        at_ms = agent.status_since_ms if agent is not None and agent.status == AgentStatus.OFFLINE else 0
    elif not at_ms and node.generation > node.observed_generation:
        at_ms = next((event.at_ms for event in reversed(events) if event.kind in _COMMANDS), 0)
    return f" since {clock_time(at_ms)} ({age(at_ms, now)})" if at_ms else ""


def _event_text(event: pb.Event, now: int) -> str:
    text = f"{age(event.at_ms, now)} ago: {event.kind} {printable(event.message)}".rstrip()
    # Agent and master are no news; who of the people it was, is.
    by = printable(actor_text(event.actor, event.actor_name, event.actor_address))
    return f"{text}, by {by}" if event.actor_name else text
