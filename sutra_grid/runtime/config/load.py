"""Merges defaults, the file, the environment and flags; each overrides the one before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from sutra_grid.runtime.config.document import Document, read_document
from sutra_grid.runtime.config.errors import ConfigError, Fault, near_miss
from sutra_grid.runtime.config.schema import REQUIRED, Key, Schema, Section
from sutra_grid.runtime.config.values import BadValue, accept, default_of, parse, refuse_relative

PREFIX: Final = "SUTRA_GRID_"
TABLE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
TABLE_NAME_ALLOWED: Final = "1 to 63 of a-z, 0-9, _ and -, starting with a letter or digit"

Address = tuple[str, str, str]
"""Section, name of the table's entry (empty in a plain section), key."""


class Config:
    """Checked values, and the source of each. Immutable."""

    def __init__(self, values: Mapping[Address, Any], sources: Mapping[Address, str], tables: Mapping[str, set[str]]):
        self._values = values
        self._sources = sources
        self._tables = tables

    def section(self, name: str) -> Mapping[str, Any]:
        """Every key of a section, with defaults. Raises ``KeyError`` for a section that is not in the schema."""
        found = {key: value for (section, entry, key), value in self._values.items() if (section, entry) == (name, "")}
        if not found:
            raise KeyError(name)
        return MappingProxyType(found)

    def table(self, name: str) -> dict[str, dict[str, Any]]:
        """Every ``[name.ENTRY]`` by the name of its entry; empty when the file has none."""
        out: dict[str, dict[str, Any]] = {entry: {} for entry in sorted(self._tables[name])}
        for (section, entry, key), value in self._values.items():
            if section == name and entry:
                out[entry][key] = value
        return out

    def changed_keys(self, other: Config) -> list[str]:
        """The keys, as ``section.key`` or ``table.entry.key``, whose values differ in ``other``."""
        missing = object()
        addresses = self._values.keys() | other._values.keys()
        changed = (each for each in addresses if self._values.get(each, missing) != other._values.get(each, missing))
        return sorted(".".join(part for part in address if part) for address in changed)

    def source(self, dotted: str) -> str:
        """The source of ``section.key`` or ``table.entry.key``: file:line, variable, flag or ``default``."""
        section, *entry, key = dotted.split(".")
        return self._sources[section, "".join(entry), key]


def load(
    schema: Schema,
    file: Path | None,
    *,
    environ: Mapping[str, str],
    overrides: Mapping[str, Any],
    flags: Mapping[str, str] | None = None,
) -> Config:
    """Read and check everything. Raises one ``ConfigError`` with every fault.

    ``overrides`` are flags by ``section.key``; None means that the flag was not given. ``flags``
    names the flag of each for messages (else ``--key``).
    """
    loader = _Loader(schema, flags or {})
    if file is not None:
        loader.read_file(read_document(file))
    loader.read_environment(environ)
    loader.read_overrides(overrides)
    return loader.finish()


class _Loader:
    """Collects values and faults of one load."""

    def __init__(self, schema: Schema, flags: Mapping[str, str]) -> None:
        self._schema = schema
        self._flags = flags
        self._document: Document | None = None
        self._values: dict[Address, Any] = {}
        self._sources: dict[Address, str] = {}
        self._tables: dict[str, set[str]] = {table.name: set() for table in schema.tables}
        self._faults: list[Fault] = []

    # -- the file --

    def read_file(self, document: Document) -> None:
        self._document = document
        names = [section.name for section in (*self._schema.sections, *self._schema.tables)]
        for name, content in document.values.items():
            where = document.where(name)
            section, table = self._schema.section(name), self._schema.table(name)
            if section is None and table is None:
                kind = "section" if isinstance(content, dict) else "key outside of a section"
                allowed = ", ".join(f"[{known}]" for known in names)
                self._fault(where, name, f"unknown {kind}, allowed: {allowed}{near_miss(name, names)}")
            elif not isinstance(content, dict):
                self._fault(where, name, f"is a section: write it as [{name}]")
            elif section is not None:
                self._read_section(section, "", content, document, (name,))
            elif table is not None:
                self._read_table(table, content, document)

    def _read_table(self, table: Section, content: Mapping[str, Any], document: Document) -> None:
        for entry, keys in content.items():
            path = (table.name, entry)
            if not isinstance(keys, dict):
                self._fault(document.where(*path), ".".join(path), f"is a table: write it as [{table.name}.{entry}]")
            elif not TABLE_NAME.fullmatch(entry):
                found = f"found the name {entry!r}, allowed: {TABLE_NAME_ALLOWED}"
                self._fault(document.where(*path), table.name, found)
            else:
                self._tables[table.name].add(entry)
                self._read_section(table, entry, keys, document, path)

    def _read_section(
        self, section: Section, entry: str, content: Mapping[str, Any], document: Document, path: tuple[str, ...]
    ) -> None:
        for name, value in content.items():
            where = document.where(*path, name)
            key = section.by_name.get(name)
            if key is None:
                self._unknown_key(where, section, ".".join((*path, name)), name)
            else:
                self._set((section.name, entry, name), key, value, where)

    # -- environment and flags --

    def read_environment(self, environ: Mapping[str, str]) -> None:
        for variable in sorted(environ):
            if not variable.startswith(PREFIX) or "__" not in variable:
                continue
            first, *rest = variable.removeprefix(PREFIX).lower().split("__")
            section, table = self._schema.section(first), self._schema.table(first)
            # The environment may have variables for sections of other daemons: only known sections are checked.
            if section is not None:
                self._set_text(section, "", "__".join(rest), environ[variable], variable)
            elif table is not None:
                self._read_table_variable(table, rest, environ[variable], variable)

    def _read_table_variable(self, table: Section, rest: list[str], text: str, variable: str) -> None:
        if len(rest) != 2 or not TABLE_NAME.fullmatch(rest[0]):
            self._fault(variable, "", f"allowed: {PREFIX}{table.name.upper()}__NAME__KEY")
            return
        # Variables have no hyphens and no case: the variable belongs to the entry that differs only in these.
        written = (entry for entry in self._tables[table.name] if entry.replace("-", "_") == rest[0])
        entry = next(written, rest[0])
        self._tables[table.name].add(entry)
        self._set_text(table, entry, rest[1], text, variable)

    def read_overrides(self, overrides: Mapping[str, Any]) -> None:
        for dotted, value in overrides.items():
            if value is None:
                continue
            name, _, key_name = dotted.partition(".")
            flag = self._flags.get(dotted, f"--{key_name.replace('_', '-')}")
            section = self._schema.section(name)
            if section is None or key_name not in section.by_name:
                raise KeyError(f"override {dotted} is not in the schema")  # a bug, not a fault of the user
            if isinstance(value, str):
                self._set_text(section, "", key_name, value, flag, is_flag=True)
            else:
                self._set((name, "", key_name), section.by_name[key_name], value, flag)

    def _set_text(
        self, section: Section, entry: str, name: str, text: str, where: str, *, is_flag: bool = False
    ) -> None:
        key = section.by_name.get(name)
        dotted = ".".join(part for part in (section.name, entry, name) if part)
        if key is None:
            self._unknown_key(where, section, dotted, name)
            return
        try:
            if not is_flag:
                refuse_relative(key, text)
            self._values[section.name, entry, name] = parse(key, text)
            self._sources[section.name, entry, name] = where
        except BadValue as error:
            self._fault(where, dotted, str(error))

    # -- the end --

    def finish(self) -> Config:
        for section in self._schema.sections:
            self._fill(section, "")
        for table in self._schema.tables:
            for entry in self._tables[table.name]:
                self._fill(table, entry)
        if self._faults:
            raise ConfigError(self._faults)
        return Config(self._values, self._sources, self._tables)

    def _fill(self, section: Section, entry: str) -> None:
        path = (section.name, entry) if entry else (section.name,)
        for key in section.keys:
            address = (section.name, entry, key.name)
            dotted = ".".join((*path, key.name))
            if address in self._values or any(fault.key == dotted for fault in self._faults):
                continue
            if key.default is REQUIRED:
                where = self._document.where(*path) if self._document else ""
                self._fault(where, dotted, self._missing(key, dotted))
                continue
            self._values[address] = default_of(key)
            self._sources[address] = "default"

    def _missing(self, key: Key, dotted: str) -> str:
        what = f" ({key.help})" if key.help else ""
        variable = PREFIX + dotted.upper().replace(".", "__").replace("-", "_")
        ways = ["in the file", f"as {variable}"]
        if dotted in self._flags:
            ways.append(f"with {self._flags[dotted]}")
        return f"is missing{what}; set it {', '.join(ways[:-1])} or {ways[-1]}"

    def _set(self, address: Address, key: Key, value: object, where: str) -> None:
        try:
            refuse_relative(key, value)
            self._values[address] = accept(key, value)
            self._sources[address] = where
        except BadValue as error:
            self._fault(where, ".".join(part for part in address if part), str(error))

    def _unknown_key(self, where: str, section: Section, dotted: str, name: str) -> None:
        allowed = ", ".join(section.by_name)
        self._fault(where, dotted, f"unknown key, allowed: {allowed}{near_miss(name, section.by_name)}")

    def _fault(self, where: str, key: str, problem: str) -> None:
        self._faults.append(Fault(where, key, problem))
