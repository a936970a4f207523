"""Tables of text: left-aligned columns, two spaces apart, cut to the width of the terminal.

Written here because rich costs a tenth of a second to import, and a table is the
most usual answer.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar

from sutra_grid.cli.output.colors import paint
from sutra_grid.core.text import printable

T = TypeVar("T")

GAP: Final = "  "
ELLIPSIS: Final = "…"
DEFAULT_WIDTH: Final = 80


@dataclass(frozen=True)
class Column(Generic[T]):
    """One column. ``cut`` says where a cell that is too long loses characters.

    ``never`` keeps the cell whole; ``middle`` suits addresses, ids and paths, whose
    end distinguishes them; ``end`` suits sentences. ``min_width`` is the width that a cut
    column keeps. A wide column is shown with ``-o wide`` only.
    """

    title: str
    cell: Callable[[T], str]
    cut: Literal["never", "middle", "end"] = "never"
    min_width: int = 8
    wide: bool = False
    colored: bool = False


def terminal_width() -> int:
    """The width of the terminal, or the variable COLUMNS, or 80."""
    return shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns


def shorten(text: str, width: int, where: str) -> str:
    """``text`` in at most ``width`` characters."""
    if len(text) <= width:
        return text
    if where == "end" or width < 5:
        return text[: max(0, width - 1)] + ELLIPSIS
    tail = (width - 1) // 2
    return text[: width - 1 - tail] + ELLIPSIS + text[-tail:]


def render_table(columns: Sequence[Column[T]], rows: Sequence[T], *, width: int | None, colored: bool) -> str:
    """The table as text without a final newline. With ``width`` None all columns are shown uncut."""
    shown = [column for column in columns if width is None or not column.wide]
    cells = [[printable(column.cell(row)) or "-" for column in shown] for row in rows]
    widths = [max([len(column.title), *(len(line[i]) for line in cells)]) for i, column in enumerate(shown)]
    if width is not None:
        _fit(shown, widths, width)
    lines = [_line([column.title for column in shown], widths)]
    for line in cells:
        cut = [shorten(text, widths[i], shown[i].cut) for i, text in enumerate(line)]
        lines.append(_line(cut, widths, [column.colored and colored for column in shown]))
    return "\n".join(lines)


def _fit(columns: Sequence[Column[T]], widths: list[int], width: int) -> None:
    """Shorten the widest column that may be cut, until all columns fit."""
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - width
    for _ in range(max(0, excess)):
        spare = [i for i, column in enumerate(columns) if column.cut != "never" and widths[i] > column.min_width]
        if not spare:
            return
        widths[max(spare, key=lambda i: (columns[i].cut == "end", widths[i]))] -= 1


def _line(cells: Sequence[str], widths: Sequence[int], colored: Sequence[bool] = ()) -> str:
    parts = []
    for i, (text, width) in enumerate(zip(cells, widths, strict=True)):
        # Padding stays outside the colour, so that the line's end can be stripped.
        shown = paint(text, text) if colored and colored[i] else text
        parts.append(shown + " " * (width - len(text)))
    return GAP.join(parts).rstrip()
