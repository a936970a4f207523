"""Certificates and keys in files. Every fault is an error that names the file and what to do."""

from __future__ import annotations

import os
import shlex
import stat
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sutra_grid.core.access.identity import Identity, Role
from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason
from sutra_grid.runtime.certificates.authority import Authority, AuthorityKey, key_to_pem
from sutra_grid.runtime.certificates.describe import (
    Validity,
    describe,
    fits,
    grid_of,
    identity_of,
    is_authority,
    is_signed_by,
    serial_of,
    validity,
)
from sutra_grid.runtime.certificates.new_files import write_pair

__all__ = [
    "MAX_FILE",
    "Bundle",
    "KeyPair",
    "check_grid_of",
    "check_role",
    "check_trusted",
    "read_authority",
    "read_bundle",
    "read_certificate",
    "read_key",
    "read_pair",
    "time_warning",
    "write_pair",
]

MAX_FILE: Final = 1024 * 1024
"""Bytes of a file with certificates. The bundle of all public authorities of Debian has 220 KB."""
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_KEY_MARK: Final = b"PRIVATE KEY-----"
_CERTIFICATE_MARK: Final = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate with its chain, and its key, as PEM; who it says its holder is, and its times."""

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)
    identity: Identity
    not_before: datetime
    not_after: datetime
    serial: str
    chain: tuple[x509.Certificate, ...] = field(repr=False)

    def validity(self, now: datetime) -> Validity:
        """How its times stand to ``now``."""
        return validity(self.not_before, self.not_after, now)


@dataclass(frozen=True, slots=True)
class Bundle:
    """The authorities that are trusted, as PEM, and the grids that they name."""

    pem: bytes
    authorities: tuple[x509.Certificate, ...] = field(repr=False)
    grids: tuple[str, ...]


def read_certificate(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificate in a PEM file and its chain, the leaf first. Raises ``InvalidArgument``."""
    return _certificates(path, _read(path))


def read_key(path: Path) -> AuthorityKey:
    """The private key in a PEM file. Raises ``InvalidArgument``, also when others than the owner may read the file."""
    return _key(path, _read(path, secret=True))


def read_bundle(path: Path) -> Bundle:
    """The authorities in a PEM file: one, or several while a grid changes to a new one. Raises ``InvalidArgument``."""
    certificates = _certificates(path, _read(path))
    for certificate in certificates:
        if not is_authority(certificate):
            raise _fault(
                f"{path} has a certificate that may not sign others ({_who(certificate)}), not a certificate authority",
                "Name the file of the certificate authority, such as ca.pem",
            )
    grids = tuple(dict.fromkeys(grid for one in certificates if (grid := grid_of(one))))
    return Bundle(_pem(certificates), certificates, grids)


def read_pair(cert_path: Path, key_path: Path) -> KeyPair:
    """The certificate and the key of a member of a grid.

    Raises ``InvalidArgument`` when one of them can't be read, when they do not belong together, and when the
    certificate names no identity. The times are not judged: see ``time_warning``.
    """
    certificates, key = read_certificate(cert_path), read_key(key_path)
    leaf = certificates[0]
    if not fits(leaf, key):
        raise _fault(
            f"the key in {key_path} does not fit the certificate in {cert_path}",
            "Name the two files that were written together, such as master-1.pem and master-1-key.pem",
        )
    identity = identity_of(leaf)
    if identity is None:
        raise _no_identity(cert_path, leaf)
    return KeyPair(
        certificate_pem=_pem(certificates),
        key_pem=key_to_pem(key),
        identity=identity,
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        serial=serial_of(leaf),
        chain=certificates,
    )


def read_authority(ca_path: Path, key_path: Path) -> Authority:
    """The authority of a grid with its private key. Raises ``InvalidArgument``."""
    bundle, key = read_bundle(ca_path), read_key(key_path)
    own = next((one for one in bundle.authorities if fits(one, key)), None)
    if own is None:
        raise _fault(
            f"the key in {key_path} does not fit the certificate authority in {ca_path}",
            "Name the two files that `sutra-grid-cli tls ca create` wrote together: ca.pem and ca-key.pem",
        )
    grid = grid_of(own)
    if not grid:
        raise _fault(
            f"the certificate authority in {ca_path} names no grid (spiffe://GRID)",
            "Use an authority that `sutra-grid-cli tls ca create` made",
        )
    return Authority(own, key, grid)


def check_trusted(cert_path: Path, pair: KeyPair, ca_path: Path, bundle: Bundle) -> None:
    """Raise ``InvalidArgument`` when no authority of the bundle has signed the certificate."""
    if not is_signed_by(pair.chain, bundle.authorities):
        raise _fault(
            f"the certificate in {cert_path} is not signed by a certificate authority in {ca_path}",
            "Name the ca.pem of the grid that issued the certificate; `sutra-grid-cli tls show FILE` shows the issuer",
        )


def check_grid_of(cert_path: Path, pair: KeyPair, ca_path: Path, bundle: Bundle) -> None:
    """Raise ``InvalidArgument`` when the authorities name grids, and the certificate is of another one."""
    if bundle.grids and pair.identity.grid not in bundle.grids:
        raise _fault(
            f"the certificate in {cert_path} is of grid {pair.identity.grid!r}, and the certificate authorities in "
            f"{ca_path} are of grid {', '.join(map(repr, bundle.grids))}",
            f"Make one with `sutra-grid-cli tls cert create --role {pair.identity.role} --name {pair.identity.name}` "
            "and this authority",
        )


def check_role(cert_path: Path, pair: KeyPair, role: Role, name: str = "") -> None:
    """Raise ``InvalidArgument`` when the certificate is not that of ``role``, and of ``name`` if one is given."""
    if pair.identity.role is role and name in ("", pair.identity.name):
        return
    wanted = f"{role} {name}" if name else f"a certificate of role {role}"
    raise _fault(
        f"{cert_path} is the certificate of {pair.identity.role} {pair.identity.name}, and {wanted} is needed",
        f"Make it with `sutra-grid-cli tls cert create --role {role} --name {name or 'NAME'}`",
    )


def time_warning(path: Path, certificate: KeyPair | x509.Certificate, now: datetime) -> str:
    """What to tell people when the certificate in ``path`` is not valid at ``now``; empty when it is."""
    if isinstance(certificate, KeyPair):
        certificate = certificate.chain[0]
    facts = describe(certificate)
    match facts.validity(now):
        case Validity.EXPIRED:
            return (
                f"the certificate in {path} expired at {facts.not_after:%Y-%m-%d %H:%M:%S} UTC; "
                f"it is {now:%Y-%m-%d %H:%M:%S} UTC at this host"
            )
        case Validity.NOT_YET_VALID:
            return (
                f"the certificate in {path} is not valid before {facts.not_before:%Y-%m-%d %H:%M:%S} UTC; "
                f"it is {now:%Y-%m-%d %H:%M:%S} UTC at this host. Compare the clocks of this host and of the one "
                "that made the certificate"
            )
    return ""


def _read(path: Path, *, secret: bool = False) -> bytes:
    """The bytes of a file. A private key in it must be readable by its owner alone."""
    try:
        with open(path, "rb", opener=_open) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _fault(f"{path} is not a regular file", "Name a file with PEM text")
            data = stream.read(MAX_FILE + 1)
    except FileNotFoundError as error:
        raise _fault(f"{path} does not exist", "Check the path") from error
    except OSError as error:
        raise _fault(f"{path} can't be read: {error.strerror}", "Check the path and its permissions") from error
    if len(data) > MAX_FILE:
        raise _fault(f"{path} is larger than {MAX_FILE} bytes", "Name a file with PEM text")
    if (secret or _KEY_MARK in data) and status.st_mode & OTHERS:
        raise _fault(
            f"{path} has a private key that others may read (mode {stat.S_IMODE(status.st_mode):04o})",
            f"Run `chmod 600 {shlex.quote(str(path))}`. If others could read it, make a new key and certificate",
        )
    return data


def _open(path: str, flags: int) -> int:
    # Without O_NONBLOCK, opening a named pipe would wait for a writer.
    return os.open(path, flags | os.O_NONBLOCK)


def _certificates(path: Path, data: bytes) -> tuple[x509.Certificate, ...]:
    if _CERTIFICATE_MARK not in data:
        if _KEY_MARK in data:
            raise _fault(f"{path} has a private key, not a certificate", "Name the file of the certificate instead")
        raise _not_pem(path, data, "certificate", "x509")
    try:
        certificates = x509.load_pem_x509_certificates(data)
        for certificate in certificates:
            describe(certificate)  # decodes all that is looked at later
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _fault(
            f"the certificate in {path} is damaged: {error}",
            "Copy the file again from where it was made, or make a new certificate",
        ) from error
    return tuple(certificates)


def _key(path: Path, data: bytes) -> AuthorityKey:
    if _KEY_MARK not in data:
        if _CERTIFICATE_MARK in data:
            raise _fault(f"{path} has a certificate, not a private key", "Name the file of the private key instead")
        raise _not_pem(path, data, "private key", "pkey")
    if b"BEGIN ENCRYPTED PRIVATE KEY" in data or b"Proc-Type: 4,ENCRYPTED" in data:
        raise _fault(
            f"the private key in {path} is encrypted, and nobody is there to type its password",
            f"Remove the password: `(umask 077; openssl pkey -in {shlex.quote(str(path))} -out NEW-key.pem)`",
        )
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _fault(
            f"the private key in {path} is damaged: {error}",
            "Copy the file again from where it was made, or make a new certificate",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise _fault(f"the private key in {path} is neither ECDSA nor RSA", "Make a new certificate with such a key")
    return key


def _not_pem(path: Path, data: bytes, what: str, command: str) -> InvalidArgument:
    if not data.strip():
        return _fault(f"{path} is empty; a PEM file with a {what} is needed", "Check the path")
    if data.startswith(b"\x30\x82"):  # how DER begins
        return _fault(
            f"{path} is in DER form; PEM is needed",
            f"Convert it with `openssl {command} -inform der -in {shlex.quote(str(path))} -out FILE.pem`",
        )
    return _fault(f"{path} is not a PEM file with a {what}", f"Name a file with a line -----BEGIN {what.upper()}-----")


def _no_identity(path: Path, leaf: x509.Certificate) -> InvalidArgument:
    if is_authority(leaf):
        message = f"{path} is the certificate of a certificate authority, not of a member of a grid"
    else:
        uris = describe(leaf).uris
        found = f"its URI names are {', '.join(map(repr, uris))}" if uris else "it has no URI name"
        message = f"the certificate in {path} names no identity in a grid (spiffe://GRID/ROLE/NAME): {found}"
    return _fault(message, "Make one with `sutra-grid-cli tls cert create --role ROLE --name NAME`")


def _who(certificate: x509.Certificate) -> str:
    facts = describe(certificate)
    return str(facts.identity or repr(facts.subject))


def _pem(certificates: tuple[x509.Certificate, ...]) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def _fault(message: str, hint: str) -> InvalidArgument:
    return InvalidArgument(message, reason=Reason.INVALID_ARGUMENT, hint=hint)
