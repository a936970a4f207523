"""What is a secret, by its name, its form or its value, and texts and settings without secrets.

When in doubt, text is removed. A name that ends in ``_file`` or ``_path`` says where a secret is, and is none itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

MASK: Final = "***"
#: A shorter value is not replaced wherever it appears: it may be a common word, or a part of one.
MIN_VALUE_CHARACTERS: Final = 6

_SECRET_WORD: Final = (
    r"(?:(?<!ask)pass(?:word|wd|phrase)?|(?<=[a-z]_)pwd|secret|token|credentials?|connection[_-]?string|"
    r"(?:api|private|access|encryption|secret|signing|master|account|storage)[_-]?key|"
    r"requirepass|masterauth|(?<=[a-z]_)auth|authorization|cookie|pgpassword)"
)
#: Tables whose values are all masked, because the environment of a program may hold any secret.
_SECRET_TABLES: Final = frozenset({"environment", "env"})

_SECRET_NAME: Final = re.compile(rf"{_SECRET_WORD}(?![a-z])|{_SECRET_WORD}s?$", re.IGNORECASE)
_PLACE_NAME: Final = re.compile(r"[_-](?:files?|paths?|dir|directory)$", re.IGNORECASE)
# postgresql://user:password@host, up to the last @ before a space or a quote: a password may hold one.
_URL_PASSWORD: Final = re.compile(r"""([a-z][a-z0-9+.-]{0,30}://[^\s:/@"']*):([^\s"']+)@""", re.IGNORECASE)
# Begins where a name does: tried from each letter of a long one, it would take its square in time.
_ASSIGNED: Final = re.compile(
    rf"""((?:(?<![\w.-])[\w.-]*{_SECRET_WORD}[\w-]*)["']?\s*[=:]\s*)(?:(?:bearer|basic)\s+)?(\\"[^"]*"|"[^"]*"|'[^']*'|[^\s"',;&}}\]]+)""",
    re.IGNORECASE,
)
_FLAG: Final = re.compile(
    rf"""((?:(?<![\w/.-])--?[\w-]*{_SECRET_WORD}|\brequirepass|\bmasterauth|\bbearer)["']?,?\s+)("[^"]*"|'[^']*'|[^\s"',]+)""",
    re.IGNORECASE,
)
# Everything up to the end of the line or of the quotes: a cookie or a digest has several parts.
_HEADER: Final = re.compile(
    r"""(\b(?:(?:proxy-)?authorization|(?:set-)?cookie)(?:["']?\s*[:=]|["'],)\s*["']?)([^\s"'\\][^\r\n"'\\]*)""",
    re.IGNORECASE,
)
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
#: Tokens of the grid: their first letters say what they are.
_TOKEN: Final = re.compile(r"\bsg[a-z]_[\w.~+:=-]{6,}")


def is_secret_name(name: str) -> bool:
    """Whether a setting or a variable of this name holds a secret."""
    return bool(_SECRET_NAME.search(name)) and not _PLACE_NAME.search(name)


def holds_secret(text: str) -> bool:
    """Whether a value is a secret by its form: a URL with a password, a private key, a token of the grid."""
    return any(pattern.search(text) for pattern in (_URL_PASSWORD, _PRIVATE_KEY, _TOKEN))


def redact_text(text: str) -> str:
    """``text`` without passwords in URLs, values that are given to secret names, credentials of headers, and keys."""
    text = _PRIVATE_KEY.sub(MASK, text)
    text = _TOKEN.sub(MASK, text)
    text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
    text = _HEADER.sub(rf"\1{MASK}", text)
    text = _FLAG.sub(rf"\1{MASK}", text)
    return _ASSIGNED.sub(_mask_value, text)


def _mask_value(match: re.Match[str]) -> str:
    """Mask a value and keep its quotes, so that JSON stays JSON."""
    if _PLACE_NAME.search(match[1].rstrip("\"'=: \t")):
        return match[0]
    quote_mark = match[2][0] if match[2][0] in "\"'" else ""
    return f"{match[1]}{quote_mark}{MASK}{quote_mark}"


def redact_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with the same keys and without secrets."""
    return {name: _redact_value(name, value) for name, value in settings.items()}


def _redact_value(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        if name in _SECRET_TABLES:
            return dict.fromkeys(value, MASK)
        return redact_settings(value)
    if is_secret_name(name):
        return MASK
    if isinstance(value, list):
        return _redact_arguments(value)
    return redact_text(value) if isinstance(value, str) else value


def _redact_arguments(values: list[Any]) -> list[Any]:
    """Redact a list of a command's arguments: the value after the name of a secret is a secret."""
    redacted: list[Any] = []
    for value, follows in _with_names(values):
        if isinstance(value, Mapping):
            redacted.append(redact_settings(value))
        elif follows:
            redacted.append(MASK)
        else:
            redacted.append(redact_text(value) if isinstance(value, str) else value)
    return redacted


def _with_names(values: list[Any]) -> Iterator[tuple[Any, bool]]:
    """Each of a command's arguments, and whether the one before names a secret."""
    before: Any = ""
    for value in values:
        yield value, isinstance(before, str) and "=" not in before and is_secret_name(before)
        before = value


# -- by value ------------------------------------------------------------------


def secret_values(settings: Mapping[str, Any]) -> set[str]:
    """The values of a configuration that are secrets, for ``redact_values``."""
    return {value for name, setting in settings.items() for value in _values_of(name, setting)}


def _values_of(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if name in _SECRET_TABLES:
            yield from (one for one in value.values() if isinstance(one, str) and not one.startswith("/"))
        else:
            yield from secret_values(value)
    elif isinstance(value, list):
        for one, follows in _with_names(value):
            if isinstance(one, Mapping):
                yield from secret_values(one)
            elif follows and isinstance(one, str):
                yield one
            else:
                yield from _values_of(name, one)
    elif isinstance(value, str):
        if is_secret_name(name):
            yield value
        yield from (match[2] for match in _URL_PASSWORD.finditer(value))
        yield from (match[2].strip("\\\"'") for match in _ASSIGNED.finditer(value) if MASK in _mask_value(match))


def redact_values(text: str, values: Iterable[str]) -> str:
    """``text`` with each of the values replaced wherever it appears, also as part of a URL or of a JSON string."""
    forms = {form for value in values if len(value) >= MIN_VALUE_CHARACTERS for form in _forms(value)}
    for form in sorted(forms, key=len, reverse=True):  # one value may be a part of another
        text = text.replace(form, MASK)
    return text


def _forms(value: str) -> set[str]:
    return {value, quote(value, safe=""), quote(value), unquote(value), json.dumps(value)[1:-1],
            json.dumps(value, ensure_ascii=False)[1:-1]}  # fmt: skip
