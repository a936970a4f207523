"""Single sign-on: a reverse proxy that is trusted by its address names the user in a header."""

from __future__ import annotations

from typing import Final

from flask import request

from sutra_grid.admin.access.settings import AccessSettings
from sutra_grid.core.access.identity import PEOPLE, Role
from sutra_grid.core.access.principal import Principal, PrincipalKind
from sutra_grid.core.access.users import is_user_name

#: ``ProxyFix`` leaves this in the environment, and ``TrustedProxies`` calls it for trusted proxies alone.
_FROM_TRUSTED_PROXY: Final = "werkzeug.proxy_fix.orig"


def principal_of_proxy(settings: AccessSettings) -> Principal | None:
    """The user whom a trusted proxy names; None without one. Anybody else's header counts for nothing."""
    if not settings.sso_header or _FROM_TRUSTED_PROXY not in request.environ:
        return None
    name = request.headers.get(settings.sso_header, "")
    role = _role(settings)
    if not is_user_name(name) or role is None:
        return None
    return Principal(PrincipalKind.PROXY, role, name, request.remote_addr or "")


def _role(settings: AccessSettings) -> Role | None:
    given = request.headers.get(settings.sso_role_header, "") if settings.sso_role_header else ""
    if not given:
        return settings.sso_default_role
    return Role(given) if given in {role.value for role in PEOPLE} else None
