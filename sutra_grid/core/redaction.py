"""Removes secrets from texts and settings.

Settings are recognized by their names, and other text by patterns of secrets. When in doubt, text is removed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "***"

_SECRET_WORD: Final = (
    r"(?:pass(?:word|wd|phrase)?|secret|token|credentials?|api[_-]?key|private[_-]?key|access[_-]?key|"
    r"encryption[_-]?key|requirepass|masterauth|authorization|cookie|pgpassword)"
)
#: Tables whose values are all masked, because the environment of a program may hold any secret.
_SECRET_TABLES: Final = frozenset({"environment", "env"})

_SECRET_NAME: Final = re.compile(rf"{_SECRET_WORD}(?![a-z])|{_SECRET_WORD}s?$", re.IGNORECASE)
# postgresql://user:password@host, up to the last @ before a space or a quote: a password may hold one.
_URL_PASSWORD: Final = re.compile(r"""([a-z][a-z0-9+.-]*://[^\s:/@"']*):([^\s"']+)@""", re.IGNORECASE)
_ASSIGNED: Final = re.compile(
    rf"""((?:[\w.-]*{_SECRET_WORD}[\w-]*)["']?\s*[=:]\s*)(?:(?:bearer|basic)\s+)?(\\"[^"]*"|"[^"]*"|'[^']*'|[^\s"',;&}}\]]+)""",
    re.IGNORECASE,
)
_FLAG: Final = re.compile(
    rf"""((?:--?[\w-]*{_SECRET_WORD}|\brequirepass|\bmasterauth|\bbearer)["']?,?\s+)("[^"]*"|'[^']*'|[^\s"',]+)""",
    re.IGNORECASE,
)
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)


def redact_text(text: str) -> str:
    """``text`` without passwords in URLs, values that are given to secret names, and private keys."""
    text = _PRIVATE_KEY.sub(MASK, text)
    text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
    text = _FLAG.sub(rf"\1{MASK}", text)
    return _ASSIGNED.sub(_mask_value, text)


def _mask_value(match: re.Match[str]) -> str:
    """Mask a value and keep its quotes, so that JSON stays JSON."""
    quote = match[2][0] if match[2][0] in "\"'" else ""
    return f"{match[1]}{quote}{MASK}{quote}"


def redact_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with the same keys and without secrets."""
    return {name: _redact_value(name, value) for name, value in settings.items()}


def _redact_value(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        if name in _SECRET_TABLES:
            return dict.fromkeys(value, MASK)
        return redact_settings(value)
    if _SECRET_NAME.search(name):
        return MASK
    if isinstance(value, list):
        return _redact_arguments(value)
    return redact_text(value) if isinstance(value, str) else value


def _redact_arguments(values: list[Any]) -> list[Any]:
    """Redact a list of a command's arguments: the value after the name of a secret is a secret."""
    redacted: list[Any] = []
    for at, value in enumerate(values):
        before = values[at - 1] if at else ""
        follows = isinstance(before, str) and "=" not in before and _SECRET_NAME.search(before)
        if isinstance(value, Mapping):
            redacted.append(redact_settings(value))
        elif follows:
            redacted.append(MASK)
        else:
            redacted.append(redact_text(value) if isinstance(value, str) else value)
    return redacted
