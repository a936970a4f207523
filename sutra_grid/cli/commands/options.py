"""Options that several commands share, and the completion of ids in a shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from sutra_grid.cli.context import options_of
from sutra_grid.cli.exit_codes import ExitCode
from sutra_grid.cli.output.watch import WATCH_SECONDS
from sutra_grid.core.errors import GridError

F = TypeVar("F", bound=Callable[..., Any])

COMPLETION_SECONDS = 1.0
DEFAULT_PARALLEL = 8
MAX_PARALLEL = 64  # each is a thread here, and a call that the master has to admit


def watch_options(function: F) -> F:
    """``--watch`` and ``--interval``."""
    function = click.option("-w", "--watch", is_flag=True, help="Repeat the output until Ctrl-C.")(function)
    return click.option(
        "--interval",
        "interval_seconds",
        type=click.FloatRange(min=0.1),
        default=WATCH_SECONDS,
        show_default=True,
        metavar="SECONDS",
        help="The time between two outputs of --watch.",
    )(function)


def yes_option(function: F) -> F:
    """``--yes``."""
    return click.option("-y", "--yes", is_flag=True, help="Do not ask.")(function)


def detach_option(help: str) -> Callable[[F], F]:
    """``--detach``. ``help`` says what has happened when the command returns, and what has not."""
    return click.option("--detach", is_flag=True, help=help)


def confirm_or_refuse(question: str | Callable[[], str], *, yes: bool) -> None:
    """Ask for confirmation. Without a terminal and without ``--yes``, refuse with exit code 2.

    A ``question`` that must be found out first is a function, called only when somebody can answer.
    """
    import sys

    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError("this command asks for confirmation, and there is no terminal. Confirm it with --yes.")
    if not click.confirm(question if isinstance(question, str) else question(), err=True):
        raise click.exceptions.Exit(ExitCode.FAILED)


def complete_nodes(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Ids of nodes for the shell; none if the master does not answer within a second."""

    def read(client: Any) -> list[str]:
        answer = client.list_nodes(timeout_seconds=COMPLETION_SECONDS)
        return [node.node_id for node in answer.nodes]

    return _complete(ctx, read, incomplete)


def complete_agents(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Ids of agents for the shell; none if the master does not answer within a second."""

    def read(client: Any) -> list[str]:
        answer = client.list_agents(timeout_seconds=COMPLETION_SECONDS)
        return [agent.agent_id for agent in answer.agents]

    return _complete(ctx, read, incomplete)


def complete_engines(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Engines of agents and nodes for the shell; none if the master does not answer within a second."""

    def read(client: Any) -> list[str]:
        agents = client.list_agents(timeout_seconds=COMPLETION_SECONDS).agents
        nodes = client.list_nodes(timeout_seconds=COMPLETION_SECONDS).nodes
        named = {engine for agent in agents for engine in agent.engines} | {node.spec.engine for node in nodes}
        return sorted(named - {""})

    return _complete(ctx, read, incomplete)


def complete_kinds(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Kinds of events for the shell, and their first parts."""
    from sutra_grid.core.event_kinds import EventKind

    kinds = [kind.value for kind in EventKind]
    parts = dict.fromkeys(kind.partition(".")[0] for kind in kinds)
    return [name for name in (*parts, *kinds) if name.startswith(incomplete)]


def _complete(ctx: click.Context, read: Callable[[Any], list[str]], incomplete: str) -> list[str]:
    from sutra_grid.cli.client import connect

    try:
        with connect(options_of(ctx)) as client:
            return [name for name in read(client) if name.startswith(incomplete)]
    except GridError:
        return []
