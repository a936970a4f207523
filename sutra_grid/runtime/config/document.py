"""A TOML file as values, with the line of every key.

``tomllib`` checks the file (duplicate keys, syntax, with line and column); the ``toml`` package
reads the values. A file that the two read differently uses unusual TOML, and is refused.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sutra_grid.runtime.config.errors import ConfigError, Fault

MAX_BYTES: Final = 1 << 20  # far above any real configuration; a wrong path must not fill the memory

AT_POSITION: Final = re.compile(r" \(at line (\d+), column (\d+)\)$")

KeyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """``values`` as TOML nests them; ``lines`` by the path of each table and key, from 1."""

    name: str
    values: dict[str, Any]
    lines: dict[KeyPath, int]

    def where(self, *path: str) -> str:
        """``file:line`` of a key, or of the closest table around it, or the file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return f"{self.name}:{self.lines[path[:length]]}"
        return self.name


def read_document(file: Path) -> Document:
    """Read and parse a file. Raises ``ConfigError`` when it is missing, unreadable or not TOML."""
    name = str(file)
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([Fault(name, "", f"can't be read: {os.strerror(error.errno or 0)}")]) from error
    if len(data) > MAX_BYTES:
        raise ConfigError([Fault(name, "", f"is larger than {MAX_BYTES} bytes; check the path")])
    try:
        text = data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError([Fault(f"{name}:{line}", "", "is not UTF-8 text")]) from error
    return Document(name, _values(name, text), _lines(text))


def _values(name: str, text: str) -> dict[str, Any]:
    import toml  # here, because the command line must start fast

    try:
        strict = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where, problem = _position(name, str(error))
        raise ConfigError([Fault(where, "", f"is not valid TOML: {problem}")]) from error
    try:
        values = toml.loads(text)
    except (toml.TomlDecodeError, IndexError, TypeError) as error:  # the last two are bugs of the package
        raise ConfigError([Fault(name, "", f"uses TOML that is not supported: {error}")]) from error
    if values != strict:
        path = _first_difference(strict, values)
        where = f"{name}:{_lines(text)[path]}" if path in _lines(text) else name
        raise ConfigError([Fault(where, ".".join(path), "uses TOML that is not supported; write it in a simpler form")])
    return values


def _first_difference(strict: dict[str, Any], values: dict[str, Any]) -> KeyPath:
    for key, value in strict.items():
        other = values.get(key)
        if isinstance(value, dict) and isinstance(other, dict) and value != other:
            return (key, *_first_difference(value, other))
        if value != other:
            return (key,)
    return ()


def _position(name: str, message: str) -> tuple[str, str]:
    """``file:line:column`` and the rest of a message of ``tomllib``, which ends in ``(at line 3, column 5)``."""
    found = AT_POSITION.search(message)
    return (f"{name}:{found[1]}:{found[2]}", message[: found.start()]) if found else (name, message)


def _lines(text: str) -> dict[KeyPath, int]:
    """The line where each table and key starts. ``text`` is valid TOML.

    Lines are collected until they parse on their own: that is one statement, also when strings or
    arrays span lines, and the parser says which keys it sets.
    """
    lines: dict[KeyPath, int] = {}
    prefix: KeyPath = ()
    statement, start = "", 1
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if not statement:
            start = number
        statement += line
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        if statement.lstrip().startswith("["):
            prefix = _deepest(parsed)
            lines.setdefault(prefix, start)
        else:
            for path in _paths(parsed):
                lines.setdefault(prefix + path, start)
        statement = ""
    return lines


def _deepest(parsed: Any) -> KeyPath:
    path: KeyPath = ()
    while isinstance(parsed, dict) and parsed:
        name, parsed = next(iter(parsed.items()))
        path += (name,)
    return path


def _paths(parsed: dict[str, Any]) -> list[KeyPath]:
    paths: list[KeyPath] = []
    for name, value in parsed.items():
        paths.append((name,))
        if isinstance(value, dict):
            paths += [(name, *rest) for rest in _paths(value)]
    return paths
