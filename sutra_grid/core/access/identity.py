"""Identities in certificates: a role and a name within a grid, as a SPIFFE ID, and the DNS name derived from it.

The form ``spiffe://TRUST-DOMAIN/PATH`` is that of the SPIFFE ID standard, section 2; here the trust domain is the
grid, and the path is ``/ROLE/NAME``. So other tools that issue SPIFFE certificates can issue these too.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason

SCHEME: Final = "spiffe://"
DEFAULT_GRID: Final = "grid"
SERVER_DOMAIN: Final = "sutra-grid"
"""The last label of the names that servers of a grid are checked for. It exists in certificates alone, not in DNS."""

MAX_GRID: Final = 63
"""One DNS label. The standard allows 255 characters, but the grid is also a part of server names."""
MAX_NAME: Final = 128
"""As long as the id of an agent or a node may be."""

_GRID: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_DIGEST_LENGTH: Final = 32


class Role(StrEnum):
    """What the holder of a certificate, a token or a login is in the grid."""

    MASTER = "master"
    ADMIN = "admin"  # the admin's process, and people who manage tokens, users and certificates
    AGENT = "agent"
    OPERATOR = "operator"  # changes nodes and agents
    VIEWER = "viewer"  # reads
    CLIENT = "client"  # calls storage nodes, not the grid
    NODE = "node"  # a storage node's server; it calls nothing


#: The roles that a person or a program can be given by a token or a login.
PEOPLE: Final = (Role.ADMIN, Role.OPERATOR, Role.VIEWER)


@dataclass(frozen=True, slots=True)
class Identity:
    """A role and a name in a grid."""

    grid: str
    role: Role
    name: str

    @property
    def uri(self) -> str:
        """The SPIFFE ID, ``spiffe://GRID/ROLE/NAME``."""
        return f"{SCHEME}{self.grid}/{self.role}/{self.name}"

    @property
    def server_name(self) -> str:
        """The DNS name that a server with this identity is checked for.

        Every master answers to one name, so that a client need not know which master it reaches. Any other server has
        a name of its own, so that the key of one agent is of no use to stand in for another.
        """
        if self.role is Role.MASTER:
            return master_server_name(self.grid)
        return f"{_label(self.name)}.{self.role}.{self.grid}.{SERVER_DOMAIN}"

    def __str__(self) -> str:
        return self.uri


def make_identity(grid: str, role: Role, name: str) -> Identity:
    """The identity of checked parts. Raises ``InvalidArgument``."""
    check_grid(grid)
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME or name in (".", ".."):
        raise InvalidArgument(
            f"invalid name {name!r} for a certificate",
            reason=Reason.INVALID_ARGUMENT,
            hint=f"Use 1 to {MAX_NAME} letters, digits, dots, hyphens and underscores",
        )
    return Identity(grid, role, name)


def check_grid(grid: str) -> None:
    """Raise ``InvalidArgument`` when ``grid`` can't be the name of a grid."""
    if not _GRID.fullmatch(grid) or len(grid) > MAX_GRID:
        raise InvalidArgument(
            f"invalid grid name {grid!r}",
            reason=Reason.INVALID_ARGUMENT,
            hint=f"Use 1 to {MAX_GRID} lower-case letters, digits and hyphens, such as 'grid' or 'prod-eu'",
        )


def parse_uri(uri: str) -> Identity | None:
    """The identity of a SPIFFE ID; None for any other URI, also for one with a role that this version does not know."""
    if not uri.startswith(SCHEME):
        return None
    parts = uri.removeprefix(SCHEME).split("/")
    if len(parts) != 3 or parts[1] not in set(Role):
        return None
    try:
        return make_identity(parts[0], Role(parts[1]), parts[2])
    except InvalidArgument:
        return None


def grid_uri(grid: str) -> str:
    """The SPIFFE ID of the grid itself, which its certificate authority carries."""
    return f"{SCHEME}{grid}"


def parse_grid_uri(uri: str) -> str | None:
    """The grid of the SPIFFE ID of a certificate authority; None for any other URI."""
    grid = uri.removeprefix(SCHEME)
    return grid if uri.startswith(SCHEME) and len(grid) <= MAX_GRID and _GRID.fullmatch(grid) else None


def master_server_name(grid: str) -> str:
    """The DNS name that clients check the certificate of a master for."""
    return f"{Role.MASTER}.{grid}.{SERVER_DOMAIN}"


def agent_server_name(grid: str, agent_id: str) -> str:
    """The DNS name that the master checks the certificate of an agent for."""
    return Identity(grid, Role.AGENT, agent_id).server_name


def _label(name: str) -> str:
    """The name as a DNS label: as it is where it can be one, else a digest. No name is like the digest of another."""
    if _LABEL.fullmatch(name) and not name.startswith("x-"):
        return name
    return f"x-{hashlib.sha256(name.encode()).hexdigest()[:_DIGEST_LENGTH]}"
