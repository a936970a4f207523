"""Whether a server is a master of the grid whose authority has a given digest: before anything secret is sent to it."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sutra_grid.core.access.identity import Role
from sutra_grid.core.errors import Unauthenticated
from sutra_grid.core.types import Reason
from sutra_grid.runtime.certificates.describe import (
    Validity,
    fingerprint_of,
    grid_of,
    identity_of,
    is_authority,
    is_signed_by,
    validity,
)


@dataclass(frozen=True, slots=True)
class KnownAuthority:
    """The authority that has the digest, as PEM, and its grid."""

    pem: bytes
    grid: str


def authority_by_digest(chain: Sequence[x509.Certificate], digest: str, target: str, now: datetime) -> KnownAuthority:
    """The authority with ``digest`` (SHA-256, hexadecimal), when the chain of a server at ``target`` leads to it.

    Raises ``Unauthenticated`` when the chain has no such authority, when that has not signed the server's certificate,
    and when the server is no master of its grid or its certificate is not valid at ``now``.
    """
    found = next((one for one in chain if hmac.compare_digest(fingerprint_of(one), digest)), None)
    if found is None or not is_authority(found):
        raise _refused(
            f"the server at {target} is not of the grid that the token is for: its authority has another digest",
            "Check the address and the token. The secret of the token was not sent",
        )
    if not chain or not is_signed_by(chain[:1], [found]):
        raise _refused(
            f"the server at {target} shows the authority of the grid, but its own certificate is not signed by it",
            "Somebody may pose as the master. The secret of the token was not sent",
        )
    leaf, grid = chain[0], grid_of(found)
    identity = identity_of(leaf)
    if not grid or identity is None or identity.grid != grid or identity.role is not Role.MASTER:
        raise _refused(
            f"the server at {target} is {identity or 'no member of the grid'}, not a master",
            "Use the master's port for joining, 7002 by default. The secret of the token was not sent",
        )
    for certificate, whose in ((leaf, "certificate"), (found, "authority")):
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if validity(begin, end, now) is not Validity.VALID:
            raise _refused(
                f"the {whose} of the master at {target} is valid from {begin:%Y-%m-%d %H:%M:%S} to "
                f"{end:%Y-%m-%d %H:%M:%S} UTC, and it is {now:%Y-%m-%d %H:%M:%S} UTC at this host",
                "Compare the clocks of both hosts, or renew the master's certificate",
            )
    return KnownAuthority(found.public_bytes(Encoding.PEM), grid)


def _refused(message: str, hint: str) -> Unauthenticated:
    return Unauthenticated(message, reason=Reason.UNTRUSTED_AUTHORITY, hint=hint)
