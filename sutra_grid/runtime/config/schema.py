"""What a configuration may hold: sections of keys, and tables of named sections."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal

Kind = Literal["str", "int", "float", "bool", "list[str]", "dict[str,str]", "path"]
"""How a value is parsed. ``path`` becomes an absolute ``pathlib.Path`` with ``~`` expanded."""

Check = Callable[[Any], str | None]
"""Gets a value of the right kind. Returns None for a valid value, else a text that says what is allowed."""


class _Required(Enum):
    REQUIRED = "required"


REQUIRED: Final = _Required.REQUIRED
"""The default of a key without a default."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. ``default`` is a value of the kind, None for a key that may be absent, or ``REQUIRED``.

    ``unit`` is for the reference (``seconds``, ``MiB``); ``choices`` lists the only values allowed.
    """

    name: str
    kind: Kind
    default: Any = REQUIRED
    unit: str = ""
    help: str = ""
    check: Check | None = None
    choices: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A ``[name]`` of the file; as a table of a schema, each ``[name.SOMETHING]``."""

    name: str
    keys: Sequence[Key]
    help: str = ""
    by_name: dict[str, Key] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {key.name: key for key in self.keys})


@dataclass(frozen=True, slots=True)
class KeyDescription:
    """A row of the reference. ``default`` is TOML, ``required``, or empty for a key that may be absent."""

    section: str
    key: str
    kind: Kind
    default: str
    unit: str
    help: str


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything that one daemon's file may hold. ``tables`` are repeated, as ``[engines.NAME]``."""

    sections: Sequence[Section]
    tables: Sequence[Section] = ()

    def section(self, name: str) -> Section | None:
        """The section of that name."""
        return next((section for section in self.sections if section.name == name), None)

    def table(self, name: str) -> Section | None:
        """The repeated section of that name."""
        return next((table for table in self.tables if table.name == name), None)

    def describe(self) -> Iterator[KeyDescription]:
        """Every key in the order of the schema, for documentation and ``config check``."""
        named = [(section.name, section) for section in self.sections]
        named += [(f"{table.name}.NAME", table) for table in self.tables]
        for name, section in named:
            for key in section.keys:
                yield KeyDescription(name, key.name, key.kind, _default_text(key), key.unit, _help_text(key))


def _default_text(key: Key) -> str:
    if key.default is REQUIRED:
        return "required"
    return "" if key.default is None else toml_text(key.default)


def _help_text(key: Key) -> str:
    return f"{key.help} ({', '.join(key.choices)})" if key.choices else key.help


def toml_text(value: object) -> str:
    """A value as it is written in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_text(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name} = {toml_text(item)}' for name, item in value.items())}}}"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
