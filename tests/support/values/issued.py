"""Certificates for tests, valid around the moment at which the tests began."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sutra_grid.core.access.identity import Role, make_identity
from sutra_grid.runtime.certificates.authority import Authority, IssuedCertificate
from sutra_grid.runtime.certificates.describe import CertificateFacts, describe
from sutra_grid.runtime.certificates.files import read_certificate

NOW = datetime.now(UTC)


def issued(
    grid: Authority, role: Role, *hosts: str, name: str = "m-1", days: float = 1, at: float = 0
) -> IssuedCertificate:
    """A certificate that begins ``at`` days from now."""
    lifetime = timedelta(days=days)
    return grid.issue(make_identity(grid.grid, role, name), hosts, lifetime, NOW + timedelta(days=at))


def facts_of(path: str) -> CertificateFacts:
    """What the first certificate in a file says."""
    return describe(read_certificate(Path(path))[0])
