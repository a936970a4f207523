"""``nodes start|stop``, and ``nodes restart --parallel``: change given nodes, or all that match."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any, Final, NamedTuple

import click

from sutra_grid.cli.client import connect
from sutra_grid.cli.commands.columns import NODES
from sutra_grid.cli.commands.ids import full_node_ids
from sutra_grid.cli.commands.matching import SOME_AT_A_TIME, Matching, many_options, matching_options, require_one_way
from sutra_grid.cli.commands.node_changes import (
    RESTARTING,
    STARTING,
    STOPPING,
    Change,
    Way,
    change_all,
    restart_detached,
    restart_node,
    start_node,
    stop_detached,
    stop_node,
)
from sutra_grid.cli.commands.options import DEFAULT_PARALLEL, complete_nodes, confirm_or_refuse, detach_option
from sutra_grid.cli.context import GridCommand, Options, options_of
from sutra_grid.cli.output.printer import emit, list_text
from sutra_grid.client.drain import names
from sutra_grid.client.matching import may_be_started, should_run
from sutra_grid.core.types import NodeStatus
from sutra_grid.wire import grid_pb2 as pb

#: More nodes than this are told in one line.
MOST_LINES: Final = 20

some_node_ids = click.argument("node_ids", metavar="[NODE]...", nargs=-1, shell_complete=complete_nodes)


class _Verb(NamedTuple):
    """What a command does. ``asks``: it takes nodes down, so it asks when they are selected by filters."""

    word: str
    change: Change
    detached: Change
    way: Way
    wanted: NodeStatus
    concerns: Callable[[pb.NodeStatus], bool]
    asks: bool


class Verb(Enum):
    """The commands for many nodes."""

    START = _Verb("start", start_node, start_node, STARTING, NodeStatus.RUNNING, may_be_started, asks=False)
    STOP = _Verb("stop", stop_node, stop_detached, STOPPING, NodeStatus.STOPPED, should_run, asks=True)
    RESTART = _Verb("restart", restart_node, restart_detached, RESTARTING, NodeStatus.RUNNING, should_run, asks=True)


@click.command(cls=GridCommand)
@some_node_ids
@matching_options
@many_options(SOME_AT_A_TIME)
@detach_option("Return when the process runs. It may not be ready yet.")
@click.pass_context
def start(ctx: click.Context, /, node_ids: tuple[str, ...], matching: Matching, **given: Any) -> None:
    """Start stopped or failed nodes with their data: given ones, or all that match.

    Filters select only nodes of which a start changes something. It also ends a back-off.
    """
    require_one_way(node_ids, matching)
    run_many(options_of(ctx), node_ids, matching, Verb.START, given)


@click.command(cls=GridCommand)
@some_node_ids
@matching_options
@many_options(SOME_AT_A_TIME)
@detach_option("Return when the agent has the order, 3 s after at most. The process may still be ending.")
@click.pass_context
def stop(ctx: click.Context, /, node_ids: tuple[str, ...], matching: Matching, **given: Any) -> None:
    """Stop nodes: given ones, or all that match and should run. They keep their data.

    They stay in the grid. With filters it asks first; without a terminal it needs --yes.
    """
    require_one_way(node_ids, matching)
    run_many(options_of(ctx), node_ids, matching, Verb.STOP, given)


COMMANDS: Final = (start, stop)


def run_many(
    options: Options, node_ids: tuple[str, ...], matching: Matching, verb: Verb, given: Mapping[str, Any]
) -> None:
    """Change the given nodes in their order, or those that match some at a time, after a question where one is due."""
    spec = verb.value
    if not matching.is_given and not given["dry_run"]:
        chosen, at_once = node_ids, given["parallel"] or 1
    else:
        nodes = _read(options, node_ids, matching, verb)
        if not nodes:
            tell_nothing(options, verb)
            return
        if given["dry_run"]:
            _tell_dry_run(options, nodes, spec.way)
            return
        if spec.asks:
            confirm_or_refuse(f"{spec.word.capitalize()} {len(nodes)} nodes: {names(nodes)}?", yes=given["yes"])
        chosen, at_once = tuple(node.node_id for node in nodes), given["parallel"] or DEFAULT_PARALLEL
    way = replace(spec.way, at_once=at_once, is_brief=len(chosen) > MOST_LINES)
    change = spec.detached if given["detach"] else spec.change
    change_all(options, chosen, way, change, None if given["detach"] else spec.wanted)


def tell_nothing(options: Options, verb: Verb) -> None:
    """No node matches. That is no failure."""
    if options.output in ("table", "wide"):
        emit(f"Nothing to {verb.value.word}.")
    elif options.output != "name":
        emit(list_text(options, NODES, []))


def _read(options: Options, node_ids: tuple[str, ...], matching: Matching, verb: Verb) -> list[pb.NodeStatus]:
    with connect(options) as client:
        if node_ids:
            return [client.get_node(node_id) for node_id in full_node_ids(client, node_ids)]
        return [node for node in matching.read(client) if verb.value.concerns(node)]


def _tell_dry_run(options: Options, nodes: list[pb.NodeStatus], way: Way) -> None:
    if options.output not in ("table", "wide"):
        emit(list_text(options, NODES, nodes))
        return
    emit("\n".join(f"{node.node_id} on {node.agent_id} would be {way.done} (dry run)" for node in nodes))
