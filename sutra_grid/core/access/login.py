"""When the admin asks for a login, how long one may fail before it waits, and where it leads."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sutra_grid.core.access.attempts import AttemptLimit

MAX_NEXT: Final = 2000
"""Characters of the address to go on to: beyond that it stands in no log line and in no header."""

_PAGES: Final = ("/ui/", "/docs")
_PAST_SPACE: Final = 0x21


class LoginMode(StrEnum):
    """``[admin] login``."""

    AUTO = "auto"
    REQUIRED = "required"
    OFF = "off"


def is_login_required(
    mode: LoginMode, *, is_closed: bool, is_exposed: bool, is_insecure: bool, has_users: bool
) -> bool:
    """Whether a request needs a login or a token.

    ``is_closed``: the admin has TLS, or takes logins from a proxy. ``is_exposed``: others than this machine reach it.
    ``is_insecure``: its administrator has decided that they may.
    """
    if mode is not LoginMode.AUTO:
        return mode is LoginMode.REQUIRED
    return is_closed or has_users or (is_exposed and not is_insecure)


def safe_next(target: str) -> str:
    """Where to go after a login: a page of this admin, or the overview for anything else."""
    is_page = target.startswith(_PAGES) and "\\" not in target and "//" not in target.partition("?")[0]
    is_plain = len(target) <= MAX_NEXT and all(_PAST_SPACE <= ord(each) < 0x7F for each in target)
    is_loop = target.startswith(("/ui/login", "/ui/logout"))
    return target if is_page and is_plain and not is_loop else "/ui/"


class LoginLimit:
    """How often logins may fail. Bounded memory; not thread-safe; times are monotonic seconds.

    An address with many failures waits, whatever the account. An account with many failures does not: then its owner
    could be kept out by anybody. Instead each address has one attempt for it, and waits after that one. So the owner
    gets in from an address that did not fail, and whoever guesses needs another address for every guess.
    """

    def __init__(self) -> None:
        self._addresses = AttemptLimit()
        self._accounts = AttemptLimit()
        self._once = AttemptLimit(burst=1)

    def wait_seconds(self, account: str, address: str, now: float) -> float:
        """Seconds until this may be tried; 0 when it may now."""
        wait = self._addresses.wait_seconds(address, now)
        if self._accounts.wait_seconds(_key(account), now):
            wait = max(wait, self._once.wait_seconds(address, now))
        return wait

    def failed(self, account: str, address: str, now: float) -> None:
        """Count a wrong name or password."""
        self._addresses.failed(address, now)
        self._once.failed(address, now)
        self._accounts.failed(_key(account), now)

    def __len__(self) -> int:
        return len(self._addresses) + len(self._accounts) + len(self._once)


def _key(account: str) -> str:
    """The account as a key of bounded length that is not taken for an address."""
    return f"account {account[:64].lower()}"
