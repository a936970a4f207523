"""What the configuration says about logins."""

from __future__ import annotations

from dataclasses import dataclass

from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.login import LoginMode

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """``is_exposed``: the admin listens on an address that others reach. Empty ``sso_header``: no single sign-on."""

    mode: LoginMode = LoginMode.AUTO
    has_tls: bool = False
    is_exposed: bool = False
    is_insecure: bool = False
    idle_ms: int = 8 * HOUR_MS
    absolute_ms: int = 7 * 24 * HOUR_MS
    sso_header: str = ""
    sso_role_header: str = ""
    sso_default_role: Role | None = Role.VIEWER
