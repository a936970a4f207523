"""Prints results in the requested format."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

from sutra_grid.cli.context import Options
from sutra_grid.cli.output.formats import message_to_dict, to_json, to_yaml
from sutra_grid.cli.output.table import Column, render_table, terminal_width

M = TypeVar("M", bound=Message)


def now_ms() -> int:
    """Wall-clock milliseconds, for ages that people read."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Listing(Generic[M]):
    """A kind of list: its name on the wire, its columns at a given time, and the name of a row."""

    key: str
    columns: Callable[[int], Sequence[Column[M]]]
    name: Callable[[M], str]
    empty: str
    no_match: str


def list_text(
    options: Options, listing: Listing[M], rows: Sequence[M], *, colored: bool | None = None, filtered: bool = False
) -> str:
    """A list in the format of ``options``. ``filtered``: only some rows were asked for, so none does not mean none."""
    match options.output:
        case "json":
            return to_json({listing.key: [message_to_dict(row) for row in rows]})
        case "yaml":
            return to_yaml({listing.key: [message_to_dict(row) for row in rows]})
        case "name":
            return "\n".join(listing.name(row) for row in rows)
    if not rows:
        return listing.no_match if filtered else listing.empty
    width = None if options.output == "wide" else terminal_width()
    with_color = options.colored() if colored is None else colored
    return render_table(listing.columns(now_ms()), rows, width=width, colored=with_color)


def one_text(options: Options, message: Message, name: str, describe: Callable[[bool], str]) -> str:
    """One object in the format of ``options``; ``describe(colored)`` makes the text for people."""
    match options.output:
        case "json":
            return to_json(message_to_dict(message))
        case "yaml":
            return to_yaml(message_to_dict(message))
        case "name":
            return name
    return describe(options.colored())


def emit(text: str) -> None:
    """Print ``text`` unless it is empty: an empty list of names prints no line."""
    if text:
        print(text, flush=True)
