"""The names of agents and nodes, which also become file names."""

from __future__ import annotations

import re
from typing import Final

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
NAME_ALLOWED: Final = "1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or digit"


def is_name(value: str) -> bool:
    """Whether ``value`` is a valid name of an agent or a node."""
    return _NAME.match(value) is not None
