"""``nodes logs``: prints the end of a node's log, and follows it by polling with a cursor.

The cursor is the agent's, so that rotation and a restart of the master or the agent
lose nothing.
"""

from __future__ import annotations

import sys
import threading
from typing import Final

import click

from sutra_grid.cli.client import connect
from sutra_grid.cli.commands.ids import on_node
from sutra_grid.cli.commands.options import complete_nodes
from sutra_grid.cli.context import GridCommand, options_of
from sutra_grid.cli.output.watch import Outage
from sutra_grid.client.master_client import MasterClient
from sutra_grid.core.errors import DeadlineExceeded, Unavailable
from sutra_grid.core.text import printable
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.connection import PeerUnreachable

POLL_SECONDS: Final = 0.5
CHUNK_BYTES: Final = 256 * 1024


@click.command(cls=GridCommand)
@click.argument("node_id", metavar="NODE", shell_complete=complete_nodes)
@click.option("-f", "--follow", is_flag=True, help="Print new lines until Ctrl-C.")
@click.option(
    "--tail",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    metavar="N",
    help="Start N lines before the end.",
)
@click.pass_context
def logs(ctx: click.Context, node_id: str, follow: bool, tail: int) -> None:
    """Print the log of a node as its program wrote it, with the program's own times."""
    with connect(options_of(ctx)) as client:
        # tail_lines 0 would mean the agent's default; --tail 0 asks for new lines only.
        node_id, chunk = on_node(client, node_id, lambda name: (name, _tail(client, name, max(1, tail))))
        if chunk.note:
            print(f"({printable(chunk.note)})", file=sys.stderr, flush=True)
        if tail and chunk.omitted_lines:  # the tail is longer than a chunk: read it from its first line on
            chunk = _next(client, node_id, chunk.omitted_cursor)
        if tail:
            _write(chunk)
        cursor = _to_the_end(client, node_id, chunk, show=bool(tail))
        if follow:
            _follow(client, node_id, cursor)


def _tail(client: MasterClient, node_id: str, lines: int) -> pb.LogChunk:
    return client.read_node_log(pb.LogRequest(node_id=node_id, tail_lines=lines, max_bytes=CHUNK_BYTES))


def _to_the_end(client: MasterClient, node_id: str, chunk: pb.LogChunk, *, show: bool) -> str:
    """Read on while chunks are full, and return the last cursor."""
    while chunk.more or len(chunk.data) >= CHUNK_BYTES // 2:  # an agent of 0.1.0 does not tell ``more``
        chunk = _next(client, node_id, chunk.cursor)
        if show:
            _write(chunk)
    return chunk.cursor


def _follow(client: MasterClient, node_id: str, cursor: str) -> None:
    never = threading.Event()
    outage = Outage()
    while True:
        try:
            chunk = _next(client, node_id, cursor)
        except (Unavailable, DeadlineExceeded) as error:
            if not outage.lasts:
                outage.begin_or_continue()
                text = outage.text() if isinstance(error, PeerUnreachable) else error.message
                print(f"{text}; waiting", file=sys.stderr, flush=True)
            chunk = pb.LogChunk(cursor=cursor)
        else:
            outage.end()
        cursor = chunk.cursor
        _write(chunk)
        if not chunk.data:
            never.wait(POLL_SECONDS)


def _next(client: MasterClient, node_id: str, cursor: str) -> pb.LogChunk:
    request = pb.LogRequest(node_id=node_id, cursor=cursor, max_bytes=CHUNK_BYTES)
    return client.read_node_log(request)


def _write(chunk: pb.LogChunk) -> None:
    if chunk.rotated:
        print(
            "(some lines are missing: the log was rotated or truncated meanwhile)",
            file=sys.stderr,
            flush=True,
        )
    if chunk.data:
        sys.stdout.buffer.write(chunk.data)
        sys.stdout.buffer.flush()
