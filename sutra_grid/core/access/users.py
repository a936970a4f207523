"""Users of the pages and their logins: which names, roles and passwords are accepted, and when a login ends."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from sutra_grid.core.access.identity import PEOPLE, Role
from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason

MIN_PASSWORD_CHARACTERS: Final = 12
MAX_PASSWORD_BYTES: Final = 1024
"""A bound on what is hashed for anybody who asks. A passphrase of many words is far below it."""
MAX_USER_NAME: Final = 64
MAX_USERS: Final = 10_000
MAX_SESSIONS_PER_USER: Final = 50
"""The browsers of one person, and those that were closed without a logout. The oldest login ends first."""

_NAME: Final = re.compile(rf"[A-Za-z0-9._@-]{{1,{MAX_USER_NAME}}}")


@dataclass(frozen=True, slots=True)
class User:
    """A person who logs in to the pages. Times are wall clock; the hash is Werkzeug's text with salt and costs."""

    name: str
    role: Role
    password_hash: str = field(repr=False)
    created_at_ms: int = 0
    created_by: str = ""
    password_changed_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """A login. ``session_hash`` is the SHA-256 of the secret that the browser's cookie carries."""

    session_hash: str = field(repr=False)
    user_name: str
    created_at_ms: int
    last_seen_at_ms: int
    ends_at_ms: int
    address: str = ""

    def is_over(self, at_ms: int, idle_ms: int) -> bool:
        """Whether the login has ended at a moment: it is too old, or nobody used it for ``idle_ms``.

        A clock that was set back ends no login early, and lets none last longer than from its creation.
        """
        return at_ms >= self.ends_at_ms or at_ms - self.last_seen_at_ms >= idle_ms


def is_user_name(text: str) -> bool:
    """Whether a user can have that name."""
    return bool(_NAME.fullmatch(text))


def check_user(name: str, role: str) -> Role:
    """The role of a new user. Raises ``InvalidArgument``."""
    if not is_user_name(name):
        raise _invalid(
            f"invalid user name {name[:MAX_USER_NAME]!r}",
            f"Use 1 to {MAX_USER_NAME} letters, digits, dots, hyphens, underscores and @",
        )
    if role not in PEOPLE:
        raise _invalid(f"invalid role {role!r} of a user", f"Use one of: {', '.join(PEOPLE)}")
    return Role(role)


def check_password(name: str, password: str) -> None:
    """Raise ``InvalidArgument`` for a password that is too short, too long or the user's name. Never repeats it."""
    if len(password) < MIN_PASSWORD_CHARACTERS:
        raise _invalid(
            f"the password has {len(password)} characters, and at least {MIN_PASSWORD_CHARACTERS} are required",
            "Choose a longer one, such as four words that have nothing to do with each other",
        )
    if len(password.encode("utf-8", "surrogatepass")) > MAX_PASSWORD_BYTES:
        raise _invalid(f"the password has more than {MAX_PASSWORD_BYTES} bytes", "Choose a shorter one")
    if name.lower() in (password.lower(), password.strip().lower()) or not password.strip():
        raise _invalid("the password is the user's name, or blank", "Choose another one")


def _invalid(message: str, hint: str) -> InvalidArgument:
    return InvalidArgument(message, reason=Reason.INVALID_ARGUMENT, hint=hint)
