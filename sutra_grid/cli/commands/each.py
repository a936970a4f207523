"""Runs one command for several things, in order or some at a time; a failure does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import click

from sutra_grid.cli.context import Options
from sutra_grid.cli.exit_codes import exit_code
from sutra_grid.cli.output.errors import print_error
from sutra_grid.client.error_groups import group_errors, summary_of
from sutra_grid.client.parallel import in_parallel
from sutra_grid.core.errors import GridError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Many:
    """How several things are done: ``at_once`` at a time. ``give_up`` ends the calls in flight at Ctrl-C.

    ``things`` and ``done`` are for the summary of equal errors: ``15 of 30 nodes started; 15 failed``. ``rest`` says
    after Ctrl-C what becomes of the others, and what to do.
    """

    things: str = "things"
    done: str = "done"
    rest: str = ""
    at_once: int = 1
    give_up: Callable[[], None] = lambda: None


def for_each(
    options: Options,
    ids: Sequence[str],
    act: Callable[[str], T],
    tell: Callable[[T], None] = lambda _result: None,
    many: Many = Many(),
) -> None:
    """Call ``act`` with each id, and ``tell`` with each result as it comes, in this thread.

    The first of equal errors is printed as it occurs; at the end one line says how many they are. Programs get each
    once, with its number. Ends with the exit code of the first error after all ids. Only a master that can't be
    reached ends it early, because each id would wait for the same error. Ctrl-C raises ``KeyboardInterrupt`` with
    lines for people: what was done, and what becomes of the rest.
    """
    names = list(dict.fromkeys(ids))
    failures: list[tuple[str, GridError]] = []
    groups = done = 0
    try:
        for name, result in in_parallel(act, names, many.at_once, many.give_up):
            if not isinstance(result, GridError):
                done += 1
                tell(result)
                continue
            failures.append((name, result))
            is_new = len(group_errors(failures)) > groups
            groups += is_new
            if is_new and options.output != "json":
                print_error(result, options.output)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(*_interrupted(options, many, done, len(failures), len(names))) from None
    if not failures:
        return
    grouped = group_errors(failures)
    if options.output == "json":
        for group in grouped:
            print_error(group.error, options.output, group.names)
    elif len(grouped) < len(failures):
        click.echo(f"error: {summary_of(failures, len(names), many.things, many.done).message}", err=True)
    raise click.exceptions.Exit(exit_code(failures[0][1]))


def _interrupted(options: Options, many: Many, done: int, failed: int, total: int) -> list[str]:
    """The lines for people after Ctrl-C."""
    if options.output not in ("table", "wide"):
        return []
    failures = f"; {failed} failed" if failed else ""
    count = f"interrupted: {done} of {total} {many.things} {many.done}{failures}"
    return [count, f"hint: {many.rest}"] if many.rest else [count]
