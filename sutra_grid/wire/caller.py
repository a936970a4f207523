"""Who makes the call that a thread works on: bound by the server's guard, read where an event or a log line says it.

An admin that works for its users says for whom, in the metadata of its calls. Only a caller with the role admin is
believed, and what it says can only narrow what it may do itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Final

from sutra_grid.core.access.identity import PEOPLE, Role
from sutra_grid.core.access.principal import LOCAL, Principal, PrincipalKind

KIND_KEY: Final = "x-sutra-grid-caller-kind"
NAME_KEY: Final = "x-sutra-grid-caller-name"
ROLE_KEY: Final = "x-sutra-grid-caller-role"
ADDRESS_KEY: Final = "x-sutra-grid-caller-address"

MAX_CHARACTERS: Final = 256

#: Kinds of callers that an admin may name. Nobody else knows them; a certificate speaks for itself.
_NAMED_KINDS: Final = frozenset({PrincipalKind.TOKEN, PrincipalKind.USER, PrincipalKind.PROXY})

_current: ContextVar[Principal] = ContextVar("caller", default=LOCAL)
_acting_for: ContextVar[Principal | None] = ContextVar("acting_for", default=None)


def current() -> Principal:
    """The caller of this thread's call; ``LOCAL`` outside of a call."""
    return _current.get()


@contextmanager
def bound(principal: Principal) -> Iterator[None]:
    """Within the block the thread works for ``principal``."""
    token = _current.set(principal)
    try:
        yield
    finally:
        _current.reset(token)


def act_for(principal: Principal) -> None:
    """From now on the calls of this thread say that they are made for ``principal``, until another is named."""
    _acting_for.set(principal)


@contextmanager
def acting_for(principal: Principal | None) -> Iterator[None]:
    """Within the block the calls of this thread say that they are made for ``principal``; see ``metadata_of_call``.

    With None they are made for this program itself.

    A thread that works for the same person runs in a copy of the context (``contextvars.copy_context``).
    """
    token = _acting_for.set(principal)
    try:
        yield
    finally:
        _acting_for.reset(token)


def metadata_of_call() -> tuple[tuple[str, str], ...]:
    """The metadata of a call that this thread makes: for whom, if for anybody but this program itself."""
    principal = _acting_for.get()
    return metadata_for(principal) if principal is not None else ()


def metadata_for(principal: Principal) -> tuple[tuple[str, str], ...]:
    """The metadata by which an admin says for whom it calls."""
    values = {
        KIND_KEY: principal.kind.value,
        NAME_KEY: _ascii(principal.name),
        ROLE_KEY: principal.role.value if principal.role else "",
        ADDRESS_KEY: _ascii(principal.address),
    }
    return tuple((key, value) for key, value in values.items() if value)


def on_behalf_of(principal: Principal, metadata: Mapping[str, str]) -> Principal:
    """For whom ``principal`` calls: itself, unless it is an admin and names another.

    A value that is not valid leaves the caller as it is: then it is the admin itself who acts.
    """
    if principal.role is not Role.ADMIN or KIND_KEY not in metadata:
        return principal
    try:
        kind, role = PrincipalKind(metadata[KIND_KEY]), Role(metadata.get(ROLE_KEY, ""))
    except ValueError:
        return principal
    address = metadata.get(ADDRESS_KEY, principal.address)[:MAX_CHARACTERS]
    if kind is PrincipalKind.LOCAL:  # of an admin without logins: its own name, at the address of the person
        return replace(principal, address=address)
    if role not in PEOPLE or kind not in _NAMED_KINDS:
        return principal
    return Principal(kind, role, metadata.get(NAME_KEY, "")[:MAX_CHARACTERS], address, principal.serial)


def _ascii(text: str) -> str:
    """The text as metadata can carry it; other characters as escapes."""
    return text.encode("ascii", "backslashreplace").decode()[:MAX_CHARACTERS]
