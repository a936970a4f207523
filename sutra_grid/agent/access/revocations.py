"""The list of revoked certificates that the agent has from its master, by which it refuses callers."""

from __future__ import annotations

from sutra_grid.core.access.principal import Principal
from sutra_grid.core.access.revocations import RevocationList
from sutra_grid.core.errors import GridError
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)


class FollowedRevocations:
    """Any thread; never blocks. Empty until the first heartbeat after the agent's start."""

    def __init__(self) -> None:
        self._current = RevocationList()  # replaced as a whole

    @property
    def version(self) -> int:
        """The version of the list, which heartbeats tell the master."""
        return self._current.version

    def follow(self, listed: RevocationList) -> None:
        """Use another list from now on."""
        self._current = listed
        log.info("list of revoked certificates received", version=listed.version, entries=len(listed.revoked))

    def refusal(self, principal: Principal) -> GridError | None:
        """The error for a caller whose certificate is revoked, else None."""
        return self._current.refusal(principal)
