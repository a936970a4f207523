"""The keys of the configuration about logins. They import little, because every ``--help`` imports them."""

from __future__ import annotations

import re
from typing import Final

from sutra_grid.core.access.identity import PEOPLE, Role
from sutra_grid.core.access.login import LoginMode
from sutra_grid.runtime.config import Key, between

LOGIN_IDLE_SECS: Final = 8 * 3600
LOGIN_MAX_SECS: Final = 7 * 24 * 3600
MAX_SECS: Final = 90 * 24 * 3600

_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")


def _header(value: str) -> str | None:
    if not value or _HEADER.fullmatch(value):
        return None
    return "the name of a header, such as X-Remote-User; or empty"


def _role(value: str) -> str | None:
    return None if not value or value in {role.value for role in PEOPLE} else f"{', '.join(PEOPLE)}, or empty"


LOGIN_KEYS: Final = (
    Key(
        "login",
        "str",
        LoginMode.AUTO.value,
        help="Who needs a login or a token; auto: everyone, except on loopback while there is no user",
        choices=[mode.value for mode in LoginMode],
    ),
    Key(
        "login_idle_secs",
        "int",
        LOGIN_IDLE_SECS,
        unit="seconds",
        help="How long a login lasts that nobody uses; a page that refreshes itself does not use it",
        check=between(60, MAX_SECS),
    ),
    Key(
        "login_max_secs",
        "int",
        LOGIN_MAX_SECS,
        unit="seconds",
        help="How long a login lasts at most",
        check=between(60, MAX_SECS),
    ),
    Key("sso_header", "str", "", help="Header in which a trusted proxy names the user; empty: none", check=_header),
    Key(
        "sso_role_header",
        "str",
        "",
        help="Header in which a trusted proxy names the user's role; empty: all have sso_default_role",
        check=_header,
    ),
    Key(
        "sso_default_role",
        "str",
        Role.VIEWER.value,
        help="Role of a user whom a trusted proxy names without a role; empty: such a user is refused",
        check=_role,
    ),
)
