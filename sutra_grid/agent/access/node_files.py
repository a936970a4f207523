"""The key and the certificate of one node as files, and what may be wrong with them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from sutra_grid.core.access.identity import Identity
from sutra_grid.core.access.renewal import renew_at
from sutra_grid.core.errors import InvalidArgument
from sutra_grid.runtime.certificates.authority import AuthorityKey, key_to_pem, new_key
from sutra_grid.runtime.certificates.describe import describe, fits, identity_of, is_signed_by, signing_authority
from sutra_grid.runtime.certificates.files import read_certificate, read_key, read_pair, time_warning
from sutra_grid.runtime.certificates.new_files import KEY_MODE, NewFile, write_new
from sutra_grid.runtime.files import write_atomically

DIRECTORY_MODE: Final = 0o700
_SPREAD: Final = 1000


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """The files in the directory of one node. The agent's user owns them, as which nodes run."""

    directory: Path

    @property
    def cert(self) -> Path:
        """The certificate, then its chain."""
        return self.directory / "cert.pem"

    @property
    def key(self) -> Path:
        """Its private key."""
        return self.directory / "key.pem"

    def key_or_new(self) -> AuthorityKey:
        """The key in its file; a new one where there is none that can be used.

        Raises ``OSError``, and ``GridError`` when it can't be written.
        """
        self.directory.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        self.directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        try:
            return read_key(self.key)
        except InvalidArgument:
            self.key.unlink(missing_ok=True)
        key = new_key()
        write_new([NewFile(self.key, key_to_pem(key), KEY_MODE)])
        return key

    def write_certificate(self, pem: bytes, key: AuthorityKey, identity: Identity, ca_pem: bytes) -> None:
        """Replace the certificate at once. Raises ``ValueError`` for one that can't be used, and ``OSError``."""
        chain = x509.load_pem_x509_certificates(pem)
        if not fits(chain[0], key):
            raise ValueError("it is for another key")
        if identity_of(chain[0]) != identity:
            raise ValueError(f"it is for {identity_of(chain[0])}")
        if not is_signed_by(chain, x509.load_pem_x509_certificates(ca_pem)):
            raise ValueError("it is of an authority that is not in ca_file")
        write_atomically(self.cert, pem)

    def remove(self) -> None:
        """Remove the files and the directory, as far as they exist and nothing else is in it."""
        with contextlib.suppress(OSError):
            for name in os.listdir(self.directory):
                (self.directory / name).unlink(missing_ok=True)
            self.directory.rmdir()


def problem_of(files: NodeFiles, identity: Identity, ca_pem: bytes, now: datetime) -> str:
    """Why a server of that identity can't use the files now, in words; empty if it can."""
    if not os.path.lexists(files.cert):
        return "it has no certificate"
    try:
        pair = read_pair(files.cert, files.key)
        trusted = x509.load_pem_x509_certificates(ca_pem)
    except (InvalidArgument, ValueError) as error:
        return str(error)
    if pair.identity != identity:
        return f"the certificate in {files.cert} is that of {pair.identity}"
    if not is_signed_by(pair.chain, trusted):
        return f"the certificate in {files.cert} is not signed by an authority in ca_file"
    return time_warning(files.cert, pair, now)


def wants_renewal(files: NodeFiles, hosts: Sequence[str], now: datetime) -> bool:
    """Whether a certificate that can be used is to be replaced: two thirds of its life are over, or a host is new."""
    leaf = read_certificate(files.cert)[0]
    facts = describe(leaf)
    if not {host.lower() for host in hosts} <= {*facts.dns_names, *facts.addresses}:
        return True
    chance = leaf.serial_number % _SPREAD / _SPREAD  # the same at each look
    due = renew_at(facts.not_before.timestamp(), facts.not_after.timestamp(), chance)
    return now.timestamp() >= due


def has_other_authority(files: NodeFiles, certificate_pem: bytes, ca_pem: bytes) -> bool:
    """Whether a certificate that can be used is of another authority in ``ca_pem`` than ``certificate_pem`` is."""
    trusted = x509.load_pem_x509_certificates(ca_pem)
    if len(trusted) < 2:
        return False
    own = signing_authority(x509.load_pem_x509_certificates(certificate_pem), trusted)
    return own is not None and signing_authority(read_certificate(files.cert), trusted) != own
