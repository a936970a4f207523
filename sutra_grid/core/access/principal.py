"""Who makes a call, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sutra_grid.core.access.identity import Role


class PrincipalKind(StrEnum):
    """How a caller is known."""

    LOCAL = "local"  # by nothing: the port is open to this machine, or to everyone (insecure)
    CERTIFICATE = "certificate"
    TOKEN = "token"
    USER = "user"
    PROXY = "proxy"  # a trusted reverse proxy names the user
    ANONYMOUS = "anonymous"  # a TLS connection without a certificate, a token or a login


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. ``name`` is that of the certificate, token or user; ``address`` the IP address without its port.

    ``serial`` is the serial number of the certificate, in lower-case hexadecimal digits.
    """

    kind: PrincipalKind
    role: Role | None = None
    name: str = ""
    address: str = ""
    serial: str = ""

    @property
    def actor_name(self) -> str:
        """The caller for people, in events and lists: ``user alice``; empty for one that is not known by a name."""
        return f"{self.kind} {self.name}" if self.name else ""

    def __str__(self) -> str:
        who = self.actor_name or ("this machine" if self.kind is PrincipalKind.LOCAL else "an unknown caller")
        return f"{who} at {self.address}" if self.address else who


LOCAL: Final = Principal(PrincipalKind.LOCAL, Role.ADMIN)
"""The caller of a port without TLS: it may do everything, except what belongs to one agent or master alone."""
