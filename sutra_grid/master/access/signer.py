"""Signs certificates of agents with the key of the grid's certificate authority."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sutra_grid.core.access.identity import Identity, Role, make_identity
from sutra_grid.runtime.certificates.authority import Authority
from sutra_grid.runtime.certificates.files import read_authority, read_bundle
from sutra_grid.runtime.clock import Clock

AGENT_LIFETIME: Final = timedelta(days=30)
"""An agent renews its certificate after two thirds of this, so a master may be away for ten days."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate, and the authorities that its holder trusts, as PEM. Times are wall-clock milliseconds."""

    certificate_pem: bytes
    ca_pem: bytes
    identity: Identity
    serial: str
    issued_at_ms: int
    not_after_ms: int


class Signer:
    """Thread-safe. Reads the files for each certificate: signing is rare, and a new authority counts at once."""

    def __init__(self, ca_file: Path, ca_key_file: Path, clock: Clock, lifetime: timedelta = AGENT_LIFETIME) -> None:
        """``ca_file`` may have several authorities; the one that the key belongs to signs. Raises ``GridError``."""
        self._ca_file = ca_file
        self._ca_key_file = ca_key_file
        self._clock = clock
        self._lifetime = lifetime
        self.authority()

    def authority(self) -> Authority:
        """The authority as its files are now. Raises ``InvalidArgument``."""
        return read_authority(self._ca_file, self._ca_key_file)

    def digest(self) -> str:
        """The digest of the authority's certificate, which join tokens carry."""
        return self.authority().digest

    def sign(self, request_pem: bytes, role: Role, name: str, hosts: Sequence[str]) -> Signed:
        """A certificate for the key of a signing request. Raises ``GridError``."""
        authority = self.authority()
        identity = make_identity(authority.grid, role, name)
        now = datetime.fromtimestamp(self._clock.wall(), UTC)
        issued = authority.sign(request_pem, identity, hosts, self._lifetime, now)
        return Signed(
            issued.certificate_pem,
            read_bundle(self._ca_file).pem,
            identity,
            issued.serial,
            int(now.timestamp() * 1000),
            int(issued.not_after.timestamp() * 1000),
        )
