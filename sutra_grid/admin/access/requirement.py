"""Whether a login is required now. It depends on whether there are users, which the registry says."""

from __future__ import annotations

import threading
from typing import Final

from sutra_grid.admin.access.settings import AccessSettings
from sutra_grid.admin.upstream.registry_link import RegistryLink
from sutra_grid.core.access.login import is_login_required
from sutra_grid.core.errors import Unavailable
from sutra_grid.runtime.clock import Clock

MAX_AGE_SECONDS: Final = 2.0
"""How long the first user may be there before the admin is closed, and the other way round."""


class LoginRequirement:
    """Thread-safe; keeps the answer for a short while, and the last one while the registry is away."""

    def __init__(self, settings: AccessSettings, link: RegistryLink, clock: Clock) -> None:
        self._settings = settings
        self._link = link
        self._clock = clock
        self._lock = threading.Lock()
        # guarded by _lock:
        self._has_users: bool | None = None
        self._fresh_until = clock.monotonic()

    def is_required(self) -> bool:
        """Whether requests need a login or a token. Raises ``Unavailable`` while nobody knows: then none is let in.

        A registry that was not made yet has no users.
        """
        without_users = self._judge(has_users=False)
        if without_users == self._judge(has_users=True):
            return without_users
        return self._judge(has_users=self._ask())

    def _judge(self, *, has_users: bool) -> bool:
        given = self._settings
        return is_login_required(
            given.mode,
            is_closed=given.has_tls or bool(given.sso_header),
            is_exposed=given.is_exposed,
            is_insecure=given.is_insecure,
            has_users=has_users,
        )

    def _ask(self) -> bool:
        with self._lock:
            known = self._has_users
            if known is not None and self._clock.monotonic() < self._fresh_until:
                return known
        try:
            found = self._link.get().has_users()
        except Unavailable:
            if known is not None:
                return known
            if self._link.is_missing():
                return False
            raise
        with self._lock:
            self._has_users = found
            self._fresh_until = self._clock.monotonic() + MAX_AGE_SECONDS
        return found
