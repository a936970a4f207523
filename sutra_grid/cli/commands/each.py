"""One command for several ids: a failing one does not keep the others from their turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from sutra_grid.cli.context import Options
from sutra_grid.cli.exit_codes import exit_code
from sutra_grid.cli.output.errors import print_error
from sutra_grid.core.errors import GridError
from sutra_grid.wire.connection import PeerUnreachable


def for_each(options: Options, ids: Sequence[str], act: Callable[[str], None]) -> None:
    """Call ``act`` with each id, in order; errors are printed as they come.

    Ends with the exit code of the first error when all had their turn. Only a master
    that can't be reached ends it early: each id would wait as long for the same answer.
    """
    codes = []
    for name in dict.fromkeys(ids):
        try:
            act(name)
        except PeerUnreachable:
            raise
        except GridError as error:
            print_error(error, options.output)
            codes.append(exit_code(error))
    if codes:
        raise click.exceptions.Exit(codes[0])
