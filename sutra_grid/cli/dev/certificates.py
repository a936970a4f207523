"""The certificates of a dev grid with TLS: made once below its directory, kept, and made again before they end."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sutra_grid.core.access.identity import Identity, Role, make_identity
from sutra_grid.core.errors import FailedPrecondition, GridError
from sutra_grid.core.types import Reason
from sutra_grid.runtime.tls.section import TlsFiles

if TYPE_CHECKING:
    from sutra_grid.runtime.certificates.authority import Authority

GRID: Final = "dev"
HOSTS: Final = ("localhost", "127.0.0.1", "::1")
LIFETIME: Final = timedelta(days=365)
RENEW_BEFORE: Final = timedelta(days=30)
"""A dev grid runs for days rather than weeks, and nobody renews the certificates of people while it runs."""
OPERATOR: Final = "operator"
"""The person whose certificate the command line finds below the dev grid's directory."""
_NEW: Final = ".new-"


@dataclass(frozen=True, slots=True)
class DevTls:
    """The files of certificates and keys below ``directory``, which only its owner may enter."""

    directory: Path

    @property
    def ca(self) -> Path:
        """The certificate of the authority."""
        return self.directory / "ca.pem"

    @property
    def ca_key(self) -> Path:
        """Its private key."""
        return self.directory / "ca-key.pem"

    def files(self, name: str) -> TlsFiles:
        """The files of a member: ``master``, ``admin``, ``operator`` or an agent's id."""
        return TlsFiles(self.directory / f"{name}.pem", self.directory / f"{name}-key.pem", self.ca)


def members(agent_ids: Iterable[str]) -> list[tuple[Role, str]]:
    """Roles and names of all who get a certificate."""
    people = [(Role.MASTER, "master"), (Role.ADMIN, "admin"), (Role.OPERATOR, OPERATOR)]
    return [*people, *((Role.AGENT, agent_id) for agent_id in agent_ids)]


def ensure_certificates(tls: DevTls, wanted: Sequence[tuple[Role, str]], now: datetime) -> list[str]:
    """Make what is missing, damaged or about to end, and return the names of what was made.

    No daemon of the grid may run meanwhile. Raises FailedPrecondition when the authority can't be used or a file
    can't be written.
    """
    _make_directory(tls.directory)
    authority, is_new = _authority(tls, now)
    made = ["ca"] if is_new else []
    for role, name in wanted:
        identity = make_identity(authority.grid, role, name)
        if is_new or not _is_usable(tls.files(name), identity, now):
            hosts = () if role is Role.OPERATOR else HOSTS
            issued = authority.issue(identity, hosts, LIFETIME, now)
            _replace_pair(tls.files(name), issued.certificate_pem, issued.key_pem)
            made.append(name)
    return made


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        directory.chmod(0o700)
    except OSError as error:
        raise FailedPrecondition(
            f"the directory {directory} can't be used for certificates: {error.strerror}",
            reason=Reason.PATH_NOT_WRITABLE,
            hint="Use a directory that you can write to, with --data-dir DIR",
        ) from error


def _authority(tls: DevTls, now: datetime) -> tuple[Authority, bool]:
    """The authority, and whether it is a new one."""
    from sutra_grid.runtime.certificates.authority import create_authority
    from sutra_grid.runtime.certificates.files import read_authority

    if os.path.lexists(tls.ca) or os.path.lexists(tls.ca_key):
        try:
            authority = read_authority(tls.ca, tls.ca_key)
        except GridError as error:
            raise FailedPrecondition(
                f"the certificate authority of this dev grid can't be used: {error.message}",
                reason=Reason.INVALID_ARGUMENT,
                hint=f"Let dev make all certificates again: rm -r {shlex.quote(str(tls.directory))}",
            ) from error
        if authority.certificate.not_valid_after_utc - now > RENEW_BEFORE:
            return authority, False
    authority = create_authority(GRID, now)
    _replace_pair(TlsFiles(tls.ca, tls.ca_key), authority.certificate_pem, authority.key_pem)
    return authority, True


def _is_usable(files: TlsFiles, identity: Identity, now: datetime) -> bool:
    """Whether a member's files are whole, of the present authority, and valid for a while."""
    from sutra_grid.runtime.certificates.files import check_trusted, read_bundle, read_pair

    assert files.ca_file is not None
    try:
        pair = read_pair(files.cert_file, files.key_file)
        check_trusted(files.cert_file, pair, files.ca_file, read_bundle(files.ca_file))
    except GridError:
        return False
    return pair.identity == identity and pair.not_before <= now and pair.not_after - now > RENEW_BEFORE


def _replace_pair(files: TlsFiles, certificate_pem: bytes, key_pem: bytes) -> None:
    """Write both files beside their places, then move them there. A pair that is torn by a crash is made again."""
    from sutra_grid.runtime.certificates.files import write_pair

    new = [path.with_name(f"{_NEW}{path.name}") for path in (files.cert_file, files.key_file)]
    for path in new:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
    write_pair(new[0], new[1], certificate_pem, key_pem)
    os.replace(new[1], files.key_file)
    os.replace(new[0], files.cert_file)
