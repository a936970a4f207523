"""What a person sees while a change is under way: a spinner on a terminal, else nothing but the outcome."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sutra_grid.cli.context import Options
from sutra_grid.cli.output.colors import is_terminal


@contextmanager
def progress(options: Options, text: str) -> Iterator[Callable[[str], None]]:
    """Show ``text`` until the block ends; the block may call what it gets with a new text.

    It is written to stderr, so that stdout holds the answer alone. Without a terminal
    a new text is a line of its own, and the first one is not printed: a script wants
    the outcome, and to hear of a wait only when there is one.
    """
    if not is_terminal(sys.stderr):
        yield lambda line: print(line, file=sys.stderr, flush=True)
        return
    from rich.console import Console

    console = Console(stderr=True, no_color=options.no_color or None, highlight=False)
    with console.status(text, spinner="dots") as status:
        yield status.update
