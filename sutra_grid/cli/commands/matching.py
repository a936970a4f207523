"""The options that select many nodes by what they are, for ``nodes start|stop|restart``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, TypeVar

import click

from sutra_grid.cli.client import connect
from sutra_grid.cli.commands.ids import full_agent_ids
from sutra_grid.cli.commands.options import (
    DEFAULT_PARALLEL,
    MAX_PARALLEL,
    complete_agents,
    complete_engines,
    yes_option,
)
from sutra_grid.cli.context import Options
from sutra_grid.client.master_client import MasterClient
from sutra_grid.client.matching import Filters, should_run
from sutra_grid.client.selection import Selection, require_engine
from sutra_grid.core.listed_status import ListedStatus
from sutra_grid.wire import grid_pb2 as pb

F = TypeVar("F", bound=Callable[..., Any])


_ANY: Final = Filters()


@dataclass(frozen=True, slots=True)
class Matching:
    """What the options select. ``everything``: all nodes; not given when neither it nor a filter is."""

    everything: bool = False
    filters: Filters = _ANY

    @property
    def is_given(self) -> bool:
        """Whether nodes are selected by what they are."""
        return self.everything or self.filters != Filters()

    def read(self, client: MasterClient) -> list[pb.NodeStatus]:
        """The nodes that match now, agent by agent. Raises ``NotFound`` for an agent that does not exist."""
        agent_ids = tuple(full_agent_ids(client, self.filters.agent_ids)) if self.filters.agent_ids else ()
        nodes = list(client.list_nodes().nodes)
        for agent_id in agent_ids:
            if not any(node.agent_id == agent_id for node in nodes):
                client.get_agent(agent_id)
        for engine in self.filters.engines:
            if not any(node.spec.engine == engine for node in nodes):
                require_engine(client, engine)
        return Filters(agent_ids, self.filters.engines, self.filters.statuses).of(nodes)

    def selection(self, options: Options, node_ids: tuple[str, ...]) -> Selection | None:
        """What a rolling restart restarts; None if no node matches.

        One agent and one engine are read again for each node. What several of them or a status match is
        decided once, at the beginning.
        """
        agent_ids, engines = self.filters.agent_ids, self.filters.engines
        if node_ids or not (self.filters.statuses or len(agent_ids) > 1 or len(engines) > 1):
            return Selection(node_ids, "".join(agent_ids), "".join(engines))
        with connect(options) as client:
            matched = tuple(node.node_id for node in self.read(client) if should_run(node))
        return Selection(matched) if matched else None


def matching_options(function: F) -> F:
    """``--all``, ``--agent``, ``--engine`` and ``--status``, as the parameter ``matching``."""

    @wraps(function)
    def with_matching(*args: Any, **given: Any) -> Any:
        statuses = tuple(ListedStatus(word) for word in given.pop("statuses"))
        filters = Filters(given.pop("agent_ids"), given.pop("engines"), statuses)
        return function(*args, matching=Matching(given.pop("everything"), filters), **given)

    decorated: Any = with_matching
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


_OPTIONS = (
    click.option("--all", "everything", is_flag=True, help="All nodes."),
    click.option("--agent", "agent_ids", multiple=True, metavar="AGENT", shell_complete=complete_agents,
                 help="All nodes of this agent. Repeat it for several, as --engine and --status."),
    click.option("--engine", "engines", multiple=True, metavar="NAME", shell_complete=complete_engines,
                 help="All nodes of this engine."),
    click.option("--status", "statuses", multiple=True, type=click.Choice([str(word) for word in ListedStatus]),
                 help="All nodes that are listed with this status; running includes unhealthy, starting includes "
                 "back-off. Of --agent, --engine and --status all must match."),
)  # fmt: skip


def many_options(parallel_help: str) -> Callable[[F], F]:
    """``--parallel``, ``--dry-run`` and ``--yes``."""
    parallel = click.option(
        "--parallel", type=click.IntRange(1, MAX_PARALLEL), default=None, metavar="N", help=parallel_help
    )
    dry_run = click.option("--dry-run", is_flag=True, help="Print which nodes it would be, and change nothing.")
    return lambda function: parallel(dry_run(yes_option(function)))


SOME_AT_A_TIME: Final = f"N nodes at a time. [default: {DEFAULT_PARALLEL}; given ids one after the other]"


def require_one_way(node_ids: tuple[str, ...], matching: Matching) -> None:
    """Refuse ids together with filters, filters together with ``--all``, and nothing."""
    by_filter = matching.filters != Filters()
    if bool(node_ids) + matching.everything + by_filter != 1:
        raise click.UsageError("give node ids, or --all, or filters: --agent, --engine, --status.")
