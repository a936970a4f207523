"""Names that become files: of agents and nodes."""

from __future__ import annotations

import re
from typing import Final

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
NAME_ALLOWED: Final = "1 to 63 letters, digits, '.', '_' and '-', a letter or digit first"


def is_name(value: str) -> bool:
    """Whether ``value`` can name an agent, a node, and a file of it."""
    return _NAME.match(value) is not None
