"""``nodes spawn|remove``, and how all commands change nodes and wait for the outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import click

from sutra_grid.cli.client import connect, whole_task
from sutra_grid.cli.commands.columns import NODES
from sutra_grid.cli.commands.each import Many, for_each
from sutra_grid.cli.commands.ids import full_node_ids, on_agent, on_node
from sutra_grid.cli.commands.options import (
    DEFAULT_PARALLEL,
    MAX_PARALLEL,
    complete_agents,
    complete_engines,
    complete_nodes,
    confirm_or_refuse,
    detach_option,
    yes_option,
)
from sutra_grid.cli.context import GridCommand, Options, options_of
from sutra_grid.cli.output.printer import emit, list_text
from sutra_grid.cli.output.progress import progress
from sutra_grid.client.master_client import MasterClient
from sutra_grid.client.outcome import outcome
from sutra_grid.client.wait import await_settled
from sutra_grid.core.errors import DeadlineExceeded
from sutra_grid.core.text import printable
from sutra_grid.core.types import NodeStatus
from sutra_grid.runtime.net import MAX_PORT
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.connection import NoAnswer

Change = Callable[[MasterClient, str], pb.NodeStatus]

MAX_COUNT: Final = 1000
#: Master and agent use half a second each of it to answer in time.
DETACH_SECONDS: Final = 3.0

node_ids = click.argument("node_ids", metavar="NODE...", nargs=-1, required=True, shell_complete=complete_nodes)


@click.command(cls=GridCommand)
@click.option("--agent", "agent_id", default="", metavar="AGENT", shell_complete=complete_agents,
              help="The agent. [default: the healthy one with the most free slots]")  # fmt: skip
@click.option("--engine", default="", metavar="NAME", shell_complete=complete_engines,
              help="The engine. [default: the built-in storage server]")  # fmt: skip
@click.option(
    "--port", type=click.IntRange(0, MAX_PORT), default=0, help="The port. [default: a free one of the agent]"
)
@click.option(
    "--storage-path",
    default="",
    metavar="DIR",
    help="A directory below the agent's data path. [default: NODE_ID in it]",
)
@click.option(
    "--memory-limit-mb",
    type=click.IntRange(min=0),
    default=0,
    help="The memory limit in mebibytes. [default: the agent's]",
)
@click.option("--count", type=click.IntRange(1, MAX_COUNT), default=1, show_default=True, help="How many nodes.")
@click.option("--parallel", type=click.IntRange(1, MAX_PARALLEL), default=DEFAULT_PARALLEL, show_default=True,
              metavar="N", help="Spawn N nodes of --count at a time.")  # fmt: skip
@detach_option("Return when the process runs. It may not be ready yet.")
@click.pass_context
def spawn(ctx: click.Context, /, count: int, parallel: int, detach: bool, **spec: str | int) -> None:
    """Start new storage nodes."""
    if count > 1 and (spec["port"] or spec["storage_path"]):
        raise click.UsageError(
            "--port and --storage-path are for one node. Omit them with --count, so that the agents choose."
        )
    options = options_of(ctx)

    def change(client: MasterClient, _name: str) -> pb.NodeStatus:
        return on_agent(client, str(spec["agent_id"]), lambda agent_id: _spawn(client, {**spec, "agent_id": agent_id}))

    labels = [f"node {number} of {count}" for number in range(1, count + 1)]
    way = Way("starting", "spawned", _SPAWN_AGAIN, at_once=parallel)
    change_all(options, tuple(labels), way, change, None if detach else NodeStatus.RUNNING)


@click.command(cls=GridCommand)
@node_ids
@yes_option
@click.pass_context
def remove(ctx: click.Context, node_ids: tuple[str, ...], yes: bool) -> None:
    """Stop nodes and remove them from the grid. Their data and logs stay on the host."""
    options = options_of(ctx)
    chosen = list(node_ids)

    def question() -> str:
        with connect(options) as client:
            chosen[:] = full_node_ids(client, node_ids)
        return f"Stop and remove {', '.join(chosen)}? The data stays on the host."

    confirm_or_refuse(question, yes=yes)
    # Only what the question named is removed after it.
    change_all(options, tuple(chosen), REMOVING, remove_node if yes else remove_whole, None)


COMMANDS: Final = (spawn, remove)


def _spawn(client: MasterClient, spec: dict[str, str | int]) -> pb.NodeStatus:
    answer = client.spawn_node(pb.SpawnRequest(**spec))  # type: ignore[arg-type]
    node = outcome(answer)
    return node if node.node_id else pb.NodeStatus(node_id=answer.node_id, endpoint=answer.endpoint)


def start_node(client: MasterClient, node_id: str) -> pb.NodeStatus:
    """Start a node and return its record. The beginning of its id is enough, here and below."""
    return on_node(client, node_id, lambda name: outcome(client.start_node(name)))


def stop_node(client: MasterClient, node_id: str) -> pb.NodeStatus:
    """Stop a node and return its record."""
    return on_node(client, node_id, lambda name: outcome(client.stop_node(name)))


def restart_node(client: MasterClient, node_id: str) -> pb.NodeStatus:
    """Restart a node and return its record."""
    return on_node(client, node_id, lambda name: outcome(client.restart_node(name)))


def stop_detached(client: MasterClient, node_id: str) -> pb.NodeStatus:
    """Record the stop, see the agent take it, and return the node, which may still be stopping."""
    return _detached(client, node_id, stop_node)


def restart_detached(client: MasterClient, node_id: str) -> pb.NodeStatus:
    """Record the restart, see the agent take it, and return the node, which may still be stopping or starting."""
    return _detached(client, node_id, restart_node)


def _detached(client: MasterClient, node_id: str, change: Change) -> pb.NodeStatus:
    """The master answers when the outcome is known. After a short time it answers that the agent is at it."""
    try:
        return change(client.within(DETACH_SECONDS), node_id)
    except DeadlineExceeded as error:
        if isinstance(error, NoAnswer):  # nobody has said that the change is recorded
            raise
        node = on_node(client, node_id, client.get_node)
        if node.observed_generation < node.generation:  # its agent has not confirmed it
            raise error
        return node


def remove_node(client: MasterClient, node_id: str) -> pb.NodeStatus:
    """Remove a node and return its last record."""
    return on_node(client, node_id, lambda name: remove_whole(client, name))


def remove_whole(client: MasterClient, node_id: str) -> pb.NodeStatus:
    """Remove the node with this whole id and return its last record."""
    return outcome(client.remove_node(node_id))


_GOES_ON: Final = "What the master has received goes on, see `sutra-grid-cli nodes list`. "
_SPAWN_AGAIN: Final = "Count them before you spawn the others"
_REMOVE_AGAIN: Final = "Then remove the others"


@dataclass(frozen=True, slots=True)
class Way:
    """How many nodes are changed: ``doing`` and ``done`` in words, ``at_once`` at a time.

    ``is_brief``: one line for all instead of one for each. ``again``: what to do after Ctrl-C.
    """

    doing: str
    done: str
    again: str = "Run the command again for the others"
    at_once: int = 1
    is_brief: bool = False


STARTING: Final = Way("starting", "started")
STOPPING: Final = Way("stopping", "stopped")
RESTARTING: Final = Way("restarting", "restarted")
REMOVING: Final = Way("removing", "removed", _REMOVE_AGAIN)


def change_all(options: Options, names: tuple[str, ...], way: Way, change: Change, wanted: NodeStatus | None) -> None:
    """Change each node and print the outcomes. With ``wanted`` None it does not wait for a status."""
    changed: list[pb.NodeStatus] = []
    for_people = options.output in ("table", "wide")
    total = len(dict.fromkeys(names))
    in_turn = way.at_once == 1 or total == 1
    with connect(options) as connected, progress(options, _count_line(way, 0, total)) as say:
        whole = whole_task(connected, options)

        def change_one(name: str) -> pb.NodeStatus:
            client = whole.within(options.timeout_seconds)
            if in_turn:
                say.update(f"{name}: {way.doing}")
            node = change(client, name)
            return node if wanted is None else await_settled(client, node, wanted, say if in_turn else _say_nothing)

        def tell(node: pb.NodeStatus) -> None:
            changed.append(node)
            if for_people and not way.is_brief:
                say.result(result_line(node, "removed" if way.done == "removed" else node.status or way.doing))
            if not in_turn:
                say.update(_count_line(way, len(changed), total))

        many = Many("nodes", way.done, _GOES_ON + way.again, way.at_once, connected.close)
        try:
            for_each(options, names, change_one, tell, many)
        finally:
            if for_people and way.is_brief:
                say.result(f"{len(changed)} of {total} nodes {way.done}")
            if changed and not for_people:
                emit(list_text(options, NODES, changed))


def _count_line(way: Way, done: int, total: int) -> str:
    return f"{way.doing} {total} nodes: {done} {way.done}"


def _say_nothing(_line: str) -> None:
    """Of many nodes at once, each wait is not told."""


def result_line(node: pb.NodeStatus, status: str) -> str:
    """The outcome of a change in one line: ``node-12ab34cd running on agent-1 at 10.0.0.7:50051, pid 4711``."""
    where = f" on {node.agent_id}" if node.agent_id else ""
    if status in ("removed", "stopped"):
        return f"{node.node_id} {status}{where}"
    at = f" at {node.endpoint}" if node.endpoint else ""
    process = f", pid {node.pid}" if node.pid else ""
    problem = f"; {printable(node.endpoint_problem)}" if node.endpoint_problem else ""
    return f"{node.node_id} {status}{where}{at}{process}{problem}"
