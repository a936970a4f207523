"""Runs one command for several ids; a failure does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from sutra_grid.cli.context import Options
from sutra_grid.cli.exit_codes import exit_code
from sutra_grid.cli.output.errors import print_error
from sutra_grid.core.errors import GridError
from sutra_grid.wire.connection import PeerUnreachable


def for_each(options: Options, ids: Sequence[str], act: Callable[[str], None]) -> None:
    """Call ``act`` with each id, in order. Errors are printed as they occur.

    Ends with the exit code of the first error after all ids. Only a master that can't be
    reached ends it early, because each id would wait for the same error.
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
