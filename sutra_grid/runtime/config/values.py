"""Checks one value against one key: kinds, choices, checks; from the file or from text. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sutra_grid.core.redaction import redact_text
from sutra_grid.runtime.config.schema import Check, Key, toml_text
from sutra_grid.runtime.net import InvalidAddress, is_host, parse_host_port

ALLOWED_HOST: Final = "one host name or IP address, without a port, brackets, a scheme or blanks"


class BadValue(Exception):
    """An invalid value. The message says what was found and what is allowed."""


def accept(key: Key, value: object) -> Any:
    """The value of ``key`` from a typed value (of TOML or Python). Raises ``BadValue``."""
    convert, allowed = _KINDS[key.kind]
    try:
        converted = convert(value)
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: `~` of a user without a home directory
        raise BadValue(f"found {_shown(value)}, allowed: {_allowed(key, allowed)}") from None
    if key.choices is not None and converted not in key.choices:
        raise BadValue(f"found {_shown(value)}, allowed: {_allowed(key, allowed)}")
    problem = key.check(converted) if key.check else None
    if problem:
        raise BadValue(f"found {_shown(value)}, allowed: {problem}")
    return converted


def parse(key: Key, text: str) -> Any:
    """The value of ``key`` from the text of an environment variable or flag. Raises ``BadValue``.

    Lists are separated by commas (``a,b``), tables too (``a=1,b=2``); a boolean is true, false,
    yes, no, 1 or 0.
    """
    try:
        value: object = _PARSERS[key.kind](text)
    except ValueError:
        raise BadValue(f"found {_shown(text)}, allowed: {_allowed(key, _KINDS[key.kind][1])}") from None
    return accept(key, value)


def refuse_relative(key: Key, value: object) -> None:
    """Raise ``BadValue`` for a relative path of the file or the environment.

    An init system starts the program in another directory than a shell, and it would find none of its data there. A
    flag is typed where it counts.
    """
    if key.kind != "path" or not isinstance(value, str) or not value or "\0" in value or value.startswith("~"):
        return
    if not Path(value).is_absolute():
        raise BadValue(
            f"found {toml_text(value)}, allowed: an absolute path, because a relative one depends on the directory "
            f"of the start (from here it is {toml_text(str(Path(value).absolute()))})"
        )


def default_of(key: Key) -> Any:
    """The default as a value of the kind; a copy, so that callers can't change the schema."""
    return None if key.default is None else _KINDS[key.kind][0](key.default)


# -- checks for schemas --------------------------------------------------------


def between(low: float, high: float) -> Check:
    """A check for numbers from ``low`` to ``high``, inclusive."""
    return lambda value: None if low <= value <= high else f"from {low} to {high}"


def at_least(low: float) -> Check:
    """A check for numbers of at least ``low``."""
    return lambda value: None if value >= low else f"at least {low}"


def host_port(default_port: int | None = None, *, free_port: bool = True) -> Check:
    """A check for addresses that ``runtime.net.parse_host_port`` accepts with the same arguments."""

    def check(value: str) -> str | None:
        try:
            parse_host_port(value, default_port, free_port=free_port)
        except InvalidAddress as error:
            return error.allowed
        return None

    return check


def host(value: str) -> str | None:
    """A check for a host name or IP address."""
    return None if is_host(value) else ALLOWED_HOST


def not_empty(value: str) -> str | None:
    """A check for texts that are not blank."""
    return None if value.strip() else "a text that is not empty"


# -- kinds ---------------------------------------------------------------------


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):  # in Python a bool is an int
        raise TypeError
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _strings(value: object) -> list[str]:
    if not isinstance(value, list | tuple):
        raise TypeError
    return [_string(item) for item in value]


def _string_table(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError
    return {_string(name): _string(item) for name, item in value.items()}


def _path(value: object) -> Path:
    """Absolute, from the working directory; links are not resolved, so that messages show what was written."""
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise TypeError
    return Path(value).expanduser().absolute()


_KINDS: Final[dict[str, tuple[Callable[[object], Any], str]]] = {
    "str": (_string, "a text in quotes"),
    "int": (_integer, "a whole number"),
    "float": (_number, "a number"),
    "bool": (_boolean, "true or false"),
    "list[str]": (_strings, "a list of texts"),
    "dict[str,str]": (_string_table, "a table of texts"),
    "path": (_path, "a path in quotes"),
}


def _parse_boolean(text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.strip().lower() not in words:
        raise ValueError
    return words[text.strip().lower()]


def _parse_table(text: str) -> dict[str, str]:
    pairs = [item.partition("=") for item in _parse_list(text)]
    if not all(separator for _, separator, _ in pairs):
        raise ValueError
    return {name.strip(): value.strip() for name, _, value in pairs}


def _parse_list(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


_PARSERS: Final[dict[str, Callable[[str], object]]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": _parse_boolean,
    "list[str]": _parse_list,
    "dict[str,str]": _parse_table,
    "path": str,
}


def _allowed(key: Key, kind_text: str) -> str:
    return " | ".join(toml_text(choice) for choice in key.choices) if key.choices else kind_text


def _shown(value: object) -> str:
    text = redact_text(toml_text(value))
    return text if len(text) <= 80 else f"{text[:80]}…"
