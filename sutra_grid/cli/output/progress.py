"""What a person sees while a change is under way: a spinner on a terminal, else nothing but the outcome."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sutra_grid.cli.context import Options
from sutra_grid.cli.output.colors import is_terminal
from sutra_grid.cli.output.printer import emit

if TYPE_CHECKING:
    from rich.status import Status


class Told:
    """What a block under way says. ``spinner`` None: there is no terminal. Threads may share it."""

    def __init__(self, spinner: Status | None) -> None:
        self._spinner = spinner

    def __call__(self, line: str) -> None:
        """A new text: the spinner's, or a line on stderr."""
        if self._spinner is None:
            print(line, file=sys.stderr, flush=True)
        else:
            self._spinner.update(line)

    def result(self, text: str) -> None:
        """Print to stdout while the block goes on; the spinner, which catches what is printed, makes way."""
        if self._spinner is None:
            emit(text)
            return
        self._spinner.stop()
        emit(text)
        self._spinner.start()


@contextmanager
def progress(options: Options, text: str) -> Iterator[Told]:
    """Show ``text`` until the block ends; the block may call what it gets with a new text.

    It is written to stderr, so that stdout holds the answer alone. Without a terminal
    a new text is a line of its own, and the first one is not printed: a script wants
    the outcome, and to hear of a wait only when there is one.
    """
    if not is_terminal(sys.stderr):
        yield Told(None)
        return
    from rich.console import Console

    console = Console(stderr=True, no_color=options.no_color or None, highlight=False)
    with console.status(text, spinner="dots") as status:
        yield Told(status)
