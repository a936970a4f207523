"""Logins of browsers: a random secret in a cookie, and its SHA-256 in the registry.

The registry is asked with each request, by its primary key: so a logout, a new password or a removed user counts at
once, in every worker. Flask's signed cookie (and Flask-Login, which keeps the login in it) could not be taken back.
The admin writes these rows itself, so that people log in while the master is away.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Final

from flask import Response, request

from sutra_grid.admin.access.settings import AccessSettings
from sutra_grid.admin.http.login_cookie import LOGIN_COOKIE
from sutra_grid.core.access.principal import Principal, PrincipalKind
from sutra_grid.core.access.users import Session, User
from sutra_grid.core.errors import Unavailable
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

SECRET_BYTES: Final = 32
TOUCH_MS: Final = 60_000
"""How late the registry may learn that a person uses a login: one write a minute at most for each."""
MAX_SECRET_CHARACTERS: Final = 100


class Sessions:
    """Any thread. Every method needs a request context and raises ``Unavailable`` without the registry."""

    def __init__(self, settings: AccessSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def principal(self, open_registry: Callable[[], Registry]) -> Principal | None:
        """The user of the request's cookie; None without one that counts."""
        given = request.cookies.get(LOGIN_COOKIE, "")
        if not given or len(given) > MAX_SECRET_CHARACTERS:
            return None
        registry, key, now = open_registry(), hash_of(given), wall_ms(self._clock)
        found = registry.session(key)
        if found is None:
            return None
        session, user = found
        if session.is_over(now, self._settings.idle_ms):
            return None  # the next login deletes it
        if now - session.last_seen_at_ms >= TOUCH_MS and is_by_person():
            _touch(registry, key, now)
        return Principal(PrincipalKind.USER, user.role, user.name, request.remote_addr or "")

    def begin(self, registry: Registry, user: User, response: Response) -> None:
        """Log ``user`` in: a new secret, never the one that the browser had. Old logins are deleted on the way."""
        secret, now = secrets.token_urlsafe(SECRET_BYTES), wall_ms(self._clock)
        registry.delete_ended_sessions(now, self._settings.idle_ms)
        _forget(registry)
        ends_at_ms = now + self._settings.absolute_ms
        registry.begin_session(
            Session(hash_of(secret), user.name, now, now, ends_at_ms, address=request.remote_addr or "")
        )
        response.set_cookie(
            LOGIN_COOKIE,
            secret,
            httponly=True,
            samesite="Lax",
            secure=request.is_secure,
            path=request.script_root or "/",
            max_age=self._settings.absolute_ms // 1000,
        )

    def end(self, registry: Registry, response: Response) -> None:
        """Log out: the secret of the request's cookie does not count any more, wherever else it is."""
        _forget(registry)
        response.delete_cookie(
            LOGIN_COOKIE, httponly=True, samesite="Lax", secure=request.is_secure, path=request.script_root or "/"
        )


def is_by_person() -> bool:
    """Whether a person made the request. A page that refreshes itself keeps no login alive."""
    is_from_htmx = request.headers.get("HX-Request") == "true"
    return not is_from_htmx or request.method != "GET" or request.headers.get("HX-Target") == "dialog"


def hash_of(secret: str) -> str:
    """What is stored of a secret. It has 256 random bits, so a fast hash is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _forget(registry: Registry) -> None:
    """Delete the login of the request's cookie, if there is one."""
    given = request.cookies.get(LOGIN_COOKIE, "")
    if given and len(given) <= MAX_SECRET_CHARACTERS:
        registry.end_session(hash_of(given))


def _touch(registry: Registry, key: str, now_ms: int) -> None:
    """A registry that can't be written now does not end the login."""
    try:
        registry.touch_session(key, now_ms)
    except Unavailable as error:
        log.warning("use of a login not recorded", error=error.message)
