"""Repeats an output until Ctrl-C, also while the master is away."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Final

import click

from sutra_grid.cli.context import Options
from sutra_grid.cli.output.colors import is_terminal
from sutra_grid.cli.output.printer import emit, now_ms
from sutra_grid.cli.output.times import time_of_day
from sutra_grid.core.age import duration
from sutra_grid.core.errors import DeadlineExceeded, GridError, Unavailable

WATCH_SECONDS: Final = 2.0


class Outage:
    """An outage of the master: when it began, as a line for a person."""

    def __init__(self) -> None:
        self._since: tuple[float, int] | None = None

    @property
    def lasts(self) -> bool:
        """Whether the last call got no answer."""
        return self._since is not None

    def begin_or_continue(self) -> None:
        """A call got no answer."""
        if self._since is None:
            self._since = (time.monotonic(), now_ms())

    def end(self) -> None:
        """A call got an answer."""
        self._since = None

    def text(self) -> str:
        """One line for a person, empty while the master answers."""
        if self._since is None:
            return ""
        started, at = self._since
        return f"master not reachable since {time_of_day(at)} ({duration(time.monotonic() - started)})"


class Watch:
    """Calls ``draw`` every interval and shows its text, until Ctrl-C.

    On a terminal the text is replaced, elsewhere it is printed when it has changed. While the
    master is away the last text stays, below a line that says so. Other errors end the watch,
    and so does any error of the first call, such as a mistyped address.
    """

    def __init__(self, options: Options, draw: Callable[[], str], interval_seconds: float = WATCH_SECONDS) -> None:
        self._options = options
        self._draw = draw
        self._interval_seconds = interval_seconds
        self._outage = Outage()
        self._picture = ""
        self._never = threading.Event()

    def run(self) -> None:
        """Watch until KeyboardInterrupt."""
        self._picture = self._draw()
        if is_terminal(sys.stdout) and self._options.output in ("table", "wide"):
            self._run_live()
        else:
            self._run_plain()

    def _run_live(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        console = Console(no_color=self._options.no_color or None, highlight=False)
        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
            while True:
                notice = self._outage.text()
                lines = [click.style(notice, fg="red") if notice else "", self._picture]
                live.update(Text.from_ansi("\n".join(line for line in lines if line), no_wrap=True), refresh=True)
                self._next()

    def _run_plain(self) -> None:
        shown = ""
        told = False
        while True:
            if self._picture != shown:
                if shown and self._options.output in ("table", "wide", "yaml"):
                    print("---" if self._options.output == "yaml" else "")
                emit(self._picture)
                shown = self._picture
            if self._outage.lasts and not told:
                print(self._outage.text(), file=sys.stderr, flush=True)
            told = self._outage.lasts
            self._next()

    def _next(self) -> None:
        self._never.wait(self._interval_seconds)
        try:
            self._picture = self._draw()
        except (Unavailable, DeadlineExceeded) as error:
            self._note(error)
        else:
            self._outage.end()

    def _note(self, _error: GridError) -> None:
        self._outage.begin_or_continue()
