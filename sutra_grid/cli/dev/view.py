"""Shows a running dev grid: a live view on a terminal, otherwise a line per event."""

from __future__ import annotations

import shutil
import sys
from collections import deque
from typing import Final

from sutra_grid.cli.commands.columns import AGENTS, NODES
from sutra_grid.cli.commands.events import event_line, next_cursor
from sutra_grid.cli.commands.status import describe_cluster
from sutra_grid.cli.context import Options
from sutra_grid.cli.dev.grid import DevGrid
from sutra_grid.cli.output.colors import is_terminal
from sutra_grid.cli.output.printer import list_text
from sutra_grid.cli.output.table import shorten
from sutra_grid.cli.output.watch import Outage
from sutra_grid.client.master_client import MasterClient
from sutra_grid.core.errors import GridError
from sutra_grid.runtime.shutdown import Shutdown
from sutra_grid.wire import grid_pb2 as pb

INTERVAL_SECONDS: Final = 1.0
EVENTS: Final = 5


class Observer:
    """Reads the data of the view. It keeps the last data while the master does not answer."""

    def __init__(self, client: MasterClient, footer: str) -> None:
        self._client = client
        self._footer = footer
        self._cursor = 0
        self._cluster = pb.ClusterStatus()
        self._agents: list[pb.AgentRecord] = []
        self._nodes: list[pb.NodeStatus] = []
        self._latest: deque[pb.Event] = deque(maxlen=EVENTS)
        self._outage = Outage()

    def read(self) -> list[pb.Event]:
        """Read everything again and return the events since the last time."""
        try:
            self._cluster = self._client.cluster_status()
            agents = self._client.list_agents().agents
            nodes = self._client.list_nodes().nodes
            request = pb.ListEventsRequest(after_event_id=self._cursor, limit=EVENTS if not self._cursor else 1000)
            answer = self._client.list_events(request)
        except GridError:
            self._outage.begin_or_continue()
            return []
        self._outage.end()
        self._agents = sorted(agents, key=lambda agent: agent.agent_id)
        self._nodes = sorted(nodes, key=lambda node: (node.agent_id, node.node_id))
        self._cursor = next_cursor(answer)
        self._latest.extend(answer.events)
        return list(answer.events)

    @property
    def outage(self) -> str:
        """Since when the master does not answer; empty while it does."""
        return self._outage.text()

    def picture(self, options: Options, columns: int, rows: int) -> str:
        """The view in at most ``rows`` lines; events are dropped first, then nodes."""
        colored = options.colored()
        head = ([self.outage] if self.outage else []) + describe_cluster(
            self._client, self._cluster, colored=colored
        ).splitlines()
        agents = list_text(options, AGENTS, self._agents, colored=colored).splitlines()
        nodes = list_text(options, NODES, self._nodes, colored=colored).splitlines()
        room = rows - len(head) - len(agents) - 4
        if len(nodes) > room > 1:
            nodes = [*nodes[: room - 1], f"… and {len(nodes) - room + 1} more"]
        shown = max(0, min(EVENTS, room - len(nodes) - 1))
        events = [shorten(event_line(event), columns, "end") for event in list(self._latest)[-shown:] if shown]
        parts = [head, agents, nodes, *([events] if events else []), [shorten(self._footer, columns, "end")]]
        return "\n\n".join("\n".join(part) for part in parts)


def watch(grid: DevGrid, shutdown: Shutdown, options: Options) -> None:
    """Show the grid and keep its daemons running until a stop is requested."""
    observer = Observer(grid.client, f"Admin {grid.admin_url}  Ctrl-C stops the grid.")
    if is_terminal(sys.stdout):
        _watch_live(grid, observer, shutdown, options)
    else:
        _watch_plain(grid, observer, shutdown)


def _watch_live(grid: DevGrid, observer: Observer, shutdown: Shutdown, options: Options) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(no_color=options.no_color or None, highlight=False)
    with Live(console=console, auto_refresh=False, transient=True, vertical_overflow="crop") as live:
        while True:
            observer.read()
            size = shutil.get_terminal_size()
            picture = observer.picture(options, size.columns, size.lines - 1)
            live.update(Text.from_ansi(picture, no_wrap=True), refresh=True)
            if shutdown.wait(INTERVAL_SECONDS):
                return
            grid.revive()


def _watch_plain(grid: DevGrid, observer: Observer, shutdown: Shutdown) -> None:
    observer.read()  # what happened so far was told step by step
    was_away = False
    while not shutdown.wait(INTERVAL_SECONDS):
        for event in observer.read():
            print(event_line(event), flush=True)
        if bool(observer.outage) != was_away:
            was_away = not was_away
            print(observer.outage or "master answers again", flush=True)
        grid.revive()
