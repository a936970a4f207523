"""Placeholders in the arguments and variables of an engine: ``{port}``, and ``{memory_limit_mb*0.75}`` for a share.

Other braces are left as they are. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Final

MEMORY_LIMIT: Final = "memory_limit_mb"

#: Files of a node's own certificate, its key, and the authorities of the grid; only with ``tls = true``.
TLS_PLACEHOLDERS: Final = ("tls_cert", "tls_key", "tls_ca")

#: ``address`` is host and port for URLs: an IPv6 host has its brackets.
PLACEHOLDERS: Final = (
    "host",
    "port",
    "address",
    "storage_path",
    "node_id",
    MEMORY_LIMIT,
    *TLS_PLACEHOLDERS,
)

SHARE_EXAMPLE: Final = f"{{{MEMORY_LIMIT}*0.75}}"
SHARE_ALLOWED: Final = f"{SHARE_EXAMPLE}, with a number above 0 and at most 1 for the share of the limit"

_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")
_SHARE: Final = re.compile(rf"\{{{MEMORY_LIMIT}\s*\*\s*([0-9]*\.?[0-9]+)\s*\}}", re.ASCII)
#: Whatever follows the name, unless it is only a longer name.
_EXPRESSION: Final = re.compile(rf"\{{{MEMORY_LIMIT}\s*[^a-z_{{}}\s][^{{}}]*\}}")


def names_in(text: str) -> list[str]:
    """The names in braces, known or not; shares do not count."""
    return _PLACEHOLDER.findall(text)


def unknown_placeholders(texts: Iterable[str]) -> list[str]:
    """The names in braces that are not placeholders."""
    return [name for text in texts for name in names_in(text) if name not in PLACEHOLDERS]


def uses_tls(texts: Iterable[str]) -> bool:
    """Whether a text has the placeholder of a certificate, a key or an authority."""
    return any(name in TLS_PLACEHOLDERS for text in texts for name in names_in(text))


def invalid_shares(texts: Iterable[str]) -> list[str]:
    """What looks like a share of the memory limit and is none, with its braces."""
    return [found for text in texts for found in _EXPRESSION.findall(text) if not _is_share(found)]


def passes_whole_limit(text: str) -> bool:
    """Whether the text has the memory limit itself, and not a share that leaves something."""
    return MEMORY_LIMIT in names_in(text) or any(Fraction(share) == 1 for share in _SHARE.findall(text))


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with each placeholder replaced. A share of the memory limit is rounded down, and at least 1."""
    limit = int(values[MEMORY_LIMIT])
    filled = _SHARE.sub(lambda found: str(max(1, int(limit * Fraction(found[1])))), text)
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), filled)


def _is_share(text: str) -> bool:
    found = _SHARE.fullmatch(text)
    return found is not None and 0 < Fraction(found[1]) <= 1
