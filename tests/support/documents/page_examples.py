"""The examples of a page: commands and what they print, and whether what was printed has that shape.

In a block, a line that begins with ``$ `` is a command, and the lines up to the next are its output. In JSON,
``...`` stands for what was left out; a text that ends so goes on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: Values that have to be those of the page; of others only the kind is compared.
SAID = {"status", "code", "reason", "kind", "desired", "agent_id", "drained", "total", "done", "failure", "resume"}


@dataclass(frozen=True, slots=True)
class Example:
    """A command of a page and what the page says that it prints."""

    line: int
    command: str
    output: str


def examples(text: str) -> Iterator[Example]:
    """All examples of a page, in order."""
    number, command, output, inside = 0, "", list[str](), False
    for index, line in enumerate(text.splitlines(), 1):
        is_fence = line.startswith("```")
        if command and (is_fence or line.startswith("$ ")):
            yield Example(number, command, "\n".join(output))
            command = ""
        if is_fence:
            inside = not inside
        elif inside and line.startswith("$ "):
            number, command, output = index, line[2:], []
        elif inside and command:
            output.append(line)


def documents(output: str) -> list[Any]:
    """The JSON documents of an output of the page; what was left out is gone."""
    rest = re.sub(r"\s*,?\s*\.\.\.(?=\s*[\]},])", "", output)
    decoder, found = json.JSONDecoder(), []
    while rest := rest.lstrip():
        document, end = decoder.raw_decode(rest)
        found.append(document)
        rest = rest[end:]
    return found


def difference(said: Any, printed: Any, where: str = "") -> str:
    """The first part of ``said`` that ``printed`` lacks; empty when it lacks nothing."""
    if isinstance(said, Mapping) and isinstance(printed, Mapping):
        missing = set(said) - set(printed)
        inner = (difference(said[key], printed[key], f"{where}.{key}") for key in set(said) - missing)
        return f"{where} lacks {', '.join(sorted(missing))}" if missing else next(filter(None, inner), "")
    if isinstance(said, list) and isinstance(printed, list) and len(printed) >= len(said):
        inner = (difference(a, b, f"{where}[{i}]") for i, (a, b) in enumerate(zip(said, printed, strict=False)))
        return next(filter(None, inner), "")
    is_as_said = said == printed if where.rpartition(".")[2] in SAID else type(said) is type(printed)
    return "" if is_as_said and not isinstance(said, list) else f"{where} is {printed!r}, not {said!r}"


def learned(said: Any, printed: Any) -> dict[str, str]:
    """What the page calls things -> what they are called here: of ids, cursors and numbers of events."""
    if isinstance(said, Mapping):
        pairs = {key: learned(said[key], printed[key]) for key in said if key in printed}
        here = {str(said[key]): str(printed[key]) for key in ("node_id", "last_event_id") if key in pairs}
        return {name: value for found in (*pairs.values(), here) for name, value in found.items()}
    if isinstance(said, list) and isinstance(printed, list):
        found = [learned(a, b) for a, b in zip(said, printed, strict=False)]
        return {name: value for each in found for name, value in each.items()}
    return {}
