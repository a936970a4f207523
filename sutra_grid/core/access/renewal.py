"""When a certificate is renewed, and how long a failed renewal waits. Times are wall-clock seconds."""

from __future__ import annotations

from typing import Final

BACKDATED_SECONDS: Final = 600.0
"""Certificates of the grid are valid from so long before they were made; that is no part of their life."""
SHARE: Final = 2 / 3
SPREAD: Final = 0.05
"""Renewals are spread over this share of the life: agents that joined together do not come back together."""
FIRST_RETRY_SECONDS: Final = 10.0
MAX_RETRY_SECONDS: Final = 3600.0
ATTEMPTS_LEFT: Final = 20
"""So many attempts fit into what is left of a certificate, however short it is."""


def renew_at(not_before: float, not_after: float, chance: float) -> float:
    """When to renew: after two thirds of the life, and up to a twentieth later. ``chance`` is from 0 to 1."""
    begin = min(not_before + BACKDATED_SECONDS, not_after)
    return begin + (not_after - begin) * (SHARE + SPREAD * chance)


def retry_seconds(failures: int, left_seconds: float, chance: float) -> float:
    """How long to wait after ``failures`` in a row, when ``left_seconds`` of the certificate are left.

    Doubling from 10 s to an hour, and shorter when little is left. ``chance`` is from 0 to 1.
    """
    longest = min(MAX_RETRY_SECONDS, max(1.0, left_seconds / ATTEMPTS_LEFT)) if left_seconds > 0 else MAX_RETRY_SECONDS
    wait: float = min(FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 20), longest)
    return wait * (0.5 + chance / 2)
