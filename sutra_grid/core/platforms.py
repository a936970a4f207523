"""Platforms of agents' hosts: some known names, and any other that an operator chooses."""

from __future__ import annotations

import re
from typing import Final

#: The names that every page offers, also before an agent uses them.
KNOWN_PLATFORMS: Final = ("docker", "k8s", "aws", "desktop")

#: 32 characters fit a column of a list and a label of a metric.
_PLATFORM: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
PLATFORM_ALLOWED: Final = '1 to 32 lower-case letters, digits and hyphens, such as "docker" or "bare-metal"'


def is_platform(text: str) -> bool:
    """Whether ``text`` may be the platform of a host."""
    return _PLATFORM.fullmatch(text) is not None
