"""``events``: prints events, the newest last, and follows them by polling with a cursor."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import Any, Final

import click

from sutra_grid.cli.client import connect
from sutra_grid.cli.commands.columns import EVENTS
from sutra_grid.cli.commands.ids import on_agent, on_node
from sutra_grid.cli.commands.options import complete_agents, complete_kinds, complete_nodes
from sutra_grid.cli.context import GridCommand, Options, options_of
from sutra_grid.cli.output.formats import message_to_dict, to_json, to_yaml
from sutra_grid.cli.output.printer import emit, list_text
from sutra_grid.cli.output.times import clock_time, milliseconds_or_age
from sutra_grid.cli.output.watch import Outage
from sutra_grid.client.event_filters import ignored_filters
from sutra_grid.client.master_client import MasterClient
from sutra_grid.core.errors import DeadlineExceeded, NotFound, Unavailable, Unimplemented
from sutra_grid.core.text import printable
from sutra_grid.core.types import Actor, Reason
from sutra_grid.wire import grid_pb2 as pb

POLL_SECONDS: Final = 1.0
PAGE: Final = 1000
NEWEST: Final = 20
ACTORS: Final = tuple(actor.value for actor in Actor)
REASONS: Final = tuple(reason.value for reason in Reason if reason.value)


def _time(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    """Milliseconds since the epoch."""
    if value is None:
        return None
    try:
        return milliseconds_or_age(value)
    except ValueError as error:
        raise click.BadParameter(f"invalid time {value!r}: it {error}.") from None


@click.command(cls=GridCommand)
@click.option(
    "--node", "node_id", default="", metavar="NODE", shell_complete=complete_nodes, help="Only events of this node."
)
@click.option(
    "--agent",
    "agent_id",
    default="",
    metavar="AGENT",
    shell_complete=complete_agents,
    help="Only events of this agent.",
)
@click.option(
    "--kind",
    default="",
    metavar="KIND",
    shell_complete=complete_kinds,
    help="Only this kind, such as node.restarted, or its first part: node, agent or registry.",
)
@click.option("--reason", type=click.Choice(REASONS), default=None, metavar="REASON",
              help="Only events with this reason, such as crash_loop.")  # fmt: skip
@click.option(
    "--actor",
    default="",
    metavar="ACTOR",
    shell_complete=lambda _ctx, _param, typed: [actor for actor in ACTORS if actor.startswith(typed)],
    help="Only events that this actor caused: operator, agent, master, or the name of a user, token or certificate.",
)
@click.option("--grep", "text", default="", metavar="TEXT",
              help="Only events whose message, kind, reason, agent or node contains TEXT. Ignores case.")  # fmt: skip
@click.option("--since", "since_ms", callback=_time, metavar="TIME",
              help="Only events at or after TIME: an age such as 15m or 2d, or a time (ISO 8601).")  # fmt: skip
@click.option("--until", "until_ms", callback=_time, metavar="TIME", help="Only events at or before TIME.")
@click.option("-n", "--limit", type=click.IntRange(1, PAGE), default=None,
              help=f"How many of the newest events; {NEWEST} by default, with --since {PAGE}.")  # fmt: skip
@click.option("-f", "--follow", is_flag=True, help="Print new events until Ctrl-C.")
@click.pass_context
def events(ctx: click.Context, /, limit: int | None, follow: bool, **filters: Any) -> None:
    """Show what happened, when and why. The newest event comes last."""
    options = options_of(ctx)
    if follow and filters["until_ms"]:
        raise click.UsageError("--follow prints new events, and --until excludes them. Use one of the two.")
    count = limit or (PAGE if filters["since_ms"] else NEWEST)
    request = pb.ListEventsRequest(limit=count, **filters)
    with connect(options) as client:
        answer = _read(client, request)
        if not answer.events and _complete_subject(client, request, follow=follow):
            answer = _read(client, request)
        if limit is None and len(answer.events) == PAGE:
            print(f"These are the newest {PAGE} events. Use --until to see older ones.", file=sys.stderr)
        if not follow:
            emit(list_text(options, EVENTS, answer.events, filtered=any(filters.values())))
            return
        _print_each(options, answer.events)
        request.limit = PAGE
        request.after_event_id = answer.last_event_id
        _follow(client, options, request)


def _read(client: MasterClient, request: pb.ListEventsRequest) -> pb.EventList:
    """The events of ``request``. Raises ``Unimplemented`` if the master does not know one of its filters."""
    answer = client.list_events(request)
    ignored = sorted({option for event in answer.events for option in ignored_filters(request, event)})
    if ignored:
        raise Unimplemented(
            f"the master does not filter events by {', '.join(ignored)}: its version is earlier",
            reason=Reason.INVALID_ARGUMENT,
            hint="Upgrade the master, or leave these options out",
        )
    return answer


def _complete_subject(client: MasterClient, request: pb.ListEventsRequest, *, follow: bool) -> bool:
    """Complete the beginnings of ids in ``request`` and return whether there were any.

    Raises ``NotFound`` if no event of the named node or agent is kept and it does not exist either. One that is
    followed may come yet.
    """
    if not (request.node_id or request.agent_id):
        return False
    any_kind = pb.ListEventsRequest(node_id=request.node_id, agent_id=request.agent_id, limit=1)
    if client.list_events(any_kind).events:
        return False
    before = (request.node_id, request.agent_id)
    try:
        if request.node_id:
            request.node_id = on_node(client, request.node_id, client.get_node).node_id
        if request.agent_id:
            request.agent_id = on_agent(client, request.agent_id, client.get_agent).agent_id
    except NotFound as error:
        if not follow:
            raise
        print(f"{error.message}; waiting for events", file=sys.stderr, flush=True)
    return before != (request.node_id, request.agent_id)


def _follow(client: MasterClient, options: Options, request: pb.ListEventsRequest) -> None:
    never = threading.Event()
    outage = Outage()
    while True:
        try:
            answer = _read(client, request)
        except (Unavailable, DeadlineExceeded):
            if not outage.lasts:
                outage.begin_or_continue()
                print(f"{outage.text()}; waiting", file=sys.stderr, flush=True)
            never.wait(POLL_SECONDS)
            continue
        outage.end()
        _print_each(options, answer.events)
        request.after_event_id = next_cursor(answer)
        if len(answer.events) < PAGE:
            never.wait(POLL_SECONDS)


def next_cursor(answer: pb.EventList) -> int:
    """The cursor of the next page: the last event of a full page, otherwise the newest event of all.

    A new registry counts from the beginning, so the cursor may become lower.
    """
    return answer.events[-1].event_id if len(answer.events) >= PAGE else answer.last_event_id


def _print_each(options: Options, rows: Sequence[pb.Event]) -> None:
    """One line per event, because a table that grows has no fixed widths."""
    for event in rows:
        match options.output:
            case "json":
                emit(to_json(message_to_dict(event), compact=True))
            case "yaml":
                emit(f"---\n{to_yaml(message_to_dict(event))}")
            case "name":
                emit(str(event.event_id))
            case _:
                emit(event_line(event))


def event_line(event: pb.Event) -> str:
    """``2026-01-02 03:04:05Z  node.restarted  node-12ab34cd on agent-1: exit code 1``."""
    who = " on ".join(part for part in (event.node_id, event.agent_id) if part)
    about = ": ".join(part for part in (who, printable(event.message)) if part)
    return f"{clock_time(event.at_ms)}  {event.kind:<17}  {about}"
