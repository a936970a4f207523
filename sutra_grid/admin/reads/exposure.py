"""Which daemons of the grid listen without TLS where others reach them, because ``insecure`` allows it."""

from __future__ import annotations

from typing import NamedTuple

from sutra_grid.admin.services import is_insecure, is_master_insecure


class Exposure(NamedTuple):
    """The admin itself, the master as far as it can be asked, and how many agents."""

    admin: bool
    master: bool
    agents: int


def exposure(agents: int) -> Exposure:
    """What is open, with ``agents`` as the registry counts them. Needs a request context."""
    return Exposure(is_insecure(), is_master_insecure(), agents)
