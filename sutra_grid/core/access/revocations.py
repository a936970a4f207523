"""Certificates that do not count any more: one of them by its serial number, or all of an identity."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sutra_grid.core.access.identity import MAX_NAME, Role
from sutra_grid.core.access.principal import Principal
from sutra_grid.core.errors import GridError, InvalidArgument, Unauthenticated
from sutra_grid.core.types import Reason

MAX_REVOCATIONS: Final = 10_000
"""Every agent gets the whole list: at 70 bytes each, this fits into one message of 4 MiB."""

_SERIAL: Final = re.compile(r"[0-9a-f]{1,40}")
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")
_LEADING: Final = re.compile(r"^0+(?=.)")


@dataclass(frozen=True, slots=True)
class Revoked:
    """What a revocation covers: the certificate ``serial`` alone, or every one of ``role`` and ``name``."""

    serial: str = ""
    role: str = ""
    name: str = ""

    def __str__(self) -> str:
        return f"certificate {self.serial}" if self.serial else f"{self.role} {self.name}"


@dataclass(frozen=True, slots=True)
class Revocation:
    """A revocation as the registry holds it: who did it, when and why."""

    revoked: Revoked
    at_ms: int = 0
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate that a master has issued. ``issued_for`` says on what occasion."""

    serial: str
    role: str
    name: str
    issued_at_ms: int
    not_after_ms: int
    issued_for: str = ""


@dataclass(frozen=True, slots=True)
class RevocationList:
    """The whole list at one version. ``version`` is 0 before the first revocation."""

    version: int = 0
    revoked: frozenset[Revoked] = field(default_factory=frozenset)

    @classmethod
    def of(cls, version: int, revoked: Iterable[Revoked]) -> RevocationList:
        """The list of some entries."""
        return cls(version, frozenset(revoked))

    def refusal(self, principal: Principal) -> GridError | None:
        """The error for a caller whose certificate is revoked, else None."""
        if not self.covers(principal):
            return None
        return Unauthenticated(
            f"the certificate of {principal.role} {principal.name} (serial {principal.serial}) is revoked",
            reason=Reason.CERTIFICATE_REVOKED,
            hint="An admin sees why with 'sutra-grid-cli tls revocations', and takes it back with "
            "'sutra-grid-cli tls restore'",
        )

    def covers(self, principal: Principal) -> bool:
        """Whether the caller's certificate is revoked. One without a certificate never is."""
        if not self.revoked or not principal.serial:
            return False
        return self.has(principal.serial, str(principal.role or ""), principal.name)

    def has(self, serial: str, role: str, name: str) -> bool:
        """Whether the certificate ``serial`` of the identity is revoked, by itself or with the identity."""
        return Revoked(serial=serial) in self.revoked or self.has_identity(role, name)

    def has_identity(self, role: str, name: str) -> bool:
        """Whether every certificate of the identity is revoked."""
        return Revoked(role=role, name=name) in self.revoked


def revoked_of(serial: str, role: str, name: str) -> Revoked:
    """The checked subject of a revocation. Raises ``InvalidArgument``."""
    if serial and not (role or name):
        plain = serial_text(serial)
        if plain is None:
            raise _invalid(f"invalid serial number {serial!r}", "Use 1 to 40 hexadecimal digits, as lists show them")
        return Revoked(serial=plain)
    if serial or not (role and name):
        raise _invalid(
            "a revocation needs either a serial number, or a role and a name", "Give SERIAL or ROLE/NAME, not both"
        )
    if role not in set(Role):
        raise _invalid(f"unknown role {role!r}", f"Use one of: {', '.join(Role)}")
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise _invalid(f"invalid name {name!r}", "Use the name as it stands in the certificate, such as agent-1")
    return Revoked(role=role, name=name)


def serial_text(text: str) -> str | None:
    """A serial number as it is stored, of one as other tools print it (``0A:1B``, upper case); None for other text."""
    plain = _LEADING.sub("", text.lower().replace(":", "").removeprefix("0x"))
    return plain if _SERIAL.fullmatch(plain) else None


def _invalid(message: str, hint: str) -> InvalidArgument:
    return InvalidArgument(message, reason=Reason.INVALID_ARGUMENT, hint=hint)
