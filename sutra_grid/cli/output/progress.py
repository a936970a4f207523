"""Shows the progress of a change: a spinner on a terminal, otherwise lines on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sutra_grid.cli.context import Options
from sutra_grid.cli.output.colors import is_terminal
from sutra_grid.cli.output.printer import emit
from sutra_grid.runtime.standard_output import has_unicode

if TYPE_CHECKING:
    from rich.status import Status


class ProgressLine:
    """Prints the progress of a block. ``spinner`` is None without a terminal. Threads may share it."""

    def __init__(self, spinner: Status | None) -> None:
        self._spinner = spinner
        self._printed = ""

    def __call__(self, line: str) -> None:
        """Show a new text in the spinner, or print it as a line to stderr, unless it is the line before."""
        if self._spinner is not None:
            self._spinner.update(line)
        elif line != self._printed:
            self._printed = line
            print(line, file=sys.stderr, flush=True)

    def update(self, line: str) -> None:
        """Show a new text in the spinner; without one, print nothing."""
        if self._spinner is not None:
            self._spinner.update(line)

    def result(self, text: str) -> None:
        """Print to stdout while the block runs. The spinner pauses, because it captures printed text."""
        if self._spinner is None:
            emit(text)
            return
        self._spinner.stop()
        emit(text)
        self._spinner.start()


@contextmanager
def progress(options: Options, text: str) -> Iterator[ProgressLine]:
    """Show ``text`` until the block ends. The block may call the yielded object with a new text.

    It is written to stderr, so that stdout holds the result alone. Without a terminal every
    new text is a line, and the first one is not printed: a script needs the outcome, and a
    line only when the command has to wait.
    """
    if not is_terminal(sys.stderr):
        yield ProgressLine(None)
        return
    from rich.console import Console

    console = Console(stderr=True, no_color=options.no_color or None, highlight=False)
    spinner = "dots" if has_unicode(sys.stderr) else "line"
    with console.status(text, spinner=spinner) as status:
        yield ProgressLine(status)
