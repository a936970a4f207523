"""What a certificate says, as a value. Reads no file and no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sutra_grid.core.access.identity import SCHEME, Identity, parse_grid_uri, parse_uri

E = TypeVar("E", bound=x509.ExtensionType)

MAX_CHAIN: Final = 8
"""Certificates from a leaf to its authority. A grid has two; no practical chain has more than four."""


class Validity(StrEnum):
    """How a certificate's times stand to a moment."""

    VALID = "valid"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """One certificate. Texts are as they stand in it: make them printable before you show them.

    ``identity`` is that of a member of a grid, ``grid`` the name of the grid whose authority this is. ``serial`` and
    ``fingerprint`` (SHA-256 of the DER form) are lower-case hexadecimal digits. ``may_serve`` and ``may_call`` say
    whether a TLS server, or a client, may use it.
    """

    subject: str
    issuer: str
    identity: Identity | None
    grid: str
    is_authority: bool
    dns_names: tuple[str, ...]
    addresses: tuple[str, ...]
    uris: tuple[str, ...]
    serial: str
    not_before: datetime
    not_after: datetime
    fingerprint: str
    key_kind: str
    may_serve: bool
    may_call: bool

    def validity(self, now: datetime) -> Validity:
        """How its times stand to ``now``."""
        return validity(self.not_before, self.not_after, now)


def describe(certificate: x509.Certificate) -> CertificateFacts:
    """The facts of ``certificate``. Raises ``ValueError`` for one whose contents can't be decoded."""
    names = _extension(certificate, x509.SubjectAlternativeName)
    return CertificateFacts(
        subject=_name(certificate.subject),
        issuer=_name(certificate.issuer),
        identity=identity_of(certificate),
        grid=grid_of(certificate),
        is_authority=is_authority(certificate),
        dns_names=tuple(names.get_values_for_type(x509.DNSName)) if names else (),
        addresses=tuple(str(one) for one in names.get_values_for_type(x509.IPAddress)) if names else (),
        uris=_uris(certificate),
        serial=serial_of(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint=fingerprint_of(certificate),
        key_kind=key_kind(certificate),
        may_serve=_is_for(certificate, ExtendedKeyUsageOID.SERVER_AUTH),
        may_call=_is_for(certificate, ExtendedKeyUsageOID.CLIENT_AUTH),
    )


def identity_of(certificate: x509.Certificate) -> Identity | None:
    """The identity in its one URI name. None for an authority, and for a certificate with none or several.

    The SPIFFE standard forbids several, because one reader could take the first and another the last.
    """
    uris = _uris(certificate)
    return parse_uri(uris[0]) if len(uris) == 1 and not is_authority(certificate) else None


def grid_of(certificate: x509.Certificate) -> str:
    """The grid whose authority this is; empty for any other certificate."""
    spiffe = [uri for uri in _uris(certificate) if uri.startswith(SCHEME)]
    return (parse_grid_uri(spiffe[0]) or "") if len(spiffe) == 1 and is_authority(certificate) else ""


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may sign other certificates."""
    constraints = _extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def serial_of(certificate: x509.Certificate) -> str:
    """The serial number as lower-case hexadecimal digits."""
    return f"{certificate.serial_number:x}"


def fingerprint_of(certificate: x509.Certificate) -> str:
    """The SHA-256 of its DER form as lower-case hexadecimal digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def validity(not_before: datetime, not_after: datetime, now: datetime) -> Validity:
    """How the times of a certificate stand to ``now``. All three have a zone."""
    if now < not_before:
        return Validity.NOT_YET_VALID
    return Validity.EXPIRED if now > not_after else Validity.VALID


def key_kind(certificate: x509.Certificate) -> str:
    """The kind of its key for people, such as ``ECDSA P-256``."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "unknown"
    match key:
        case ec.EllipticCurvePublicKey():
            return f"ECDSA {_CURVES.get(key.curve.name, key.curve.name)}"
        case rsa.RSAPublicKey():
            return f"RSA {key.key_size}"
        case ed25519.Ed25519PublicKey():
            return "Ed25519"
        case ed448.Ed448PublicKey():
            return "Ed448"
    return type(key).__name__.removesuffix("PublicKey")


def fits(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bool:
    """Whether ``key`` is the private key of ``certificate``."""
    try:
        return certificate.public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False


def is_signed_by(chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate]) -> bool:
    """Whether the first certificate of ``chain`` leads, through the others, to one of ``authorities``."""
    return signing_authority(chain, authorities) is not None


def signing_authority(
    chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate]
) -> x509.Certificate | None:
    """The one of ``authorities`` to which the first certificate of ``chain`` leads, through the others.

    Checks signatures and issuers, not times, names or purposes.
    """
    current, others = chain[0], list(chain[1:MAX_CHAIN])
    for _ in range(MAX_CHAIN):
        reached = next((one for one in authorities if current == one or _issued(one, current)), None)
        if reached is not None:
            return reached
        found = next((one for one in others if is_authority(one) and _issued(one, current)), None)
        if found is None:
            return None
        others.remove(found)
        current = found
    return None


def with_authority(certificate_pem: bytes, ca_pem: bytes) -> bytes:
    """A certificate with its chain, then the authority that has signed it, if ``ca_pem`` has that one.

    A caller that knows only the digest of the authority finds it so.
    """
    chain = x509.load_pem_x509_certificates(certificate_pem)
    for authority in x509.load_pem_x509_certificates(ca_pem):
        if authority not in chain and _issued(authority, chain[-1]):
            return certificate_pem.rstrip() + b"\n" + authority.public_bytes(Encoding.PEM)
    return certificate_pem


_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def _issued(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return is_authority(authority)


def _is_for(certificate: x509.Certificate, purpose: x509.ObjectIdentifier) -> bool:
    """Whether it may be used for a purpose in TLS; one that names no purposes is for all of them."""
    usage = _extension(certificate, x509.ExtendedKeyUsage)
    return not is_authority(certificate) and (usage is None or purpose in usage)


def _uris(certificate: x509.Certificate) -> tuple[str, ...]:
    names = _extension(certificate, x509.SubjectAlternativeName)
    return tuple(names.get_values_for_type(x509.UniformResourceIdentifier)) if names else ()


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    except x509.DuplicateExtension as error:
        raise ValueError(str(error)) from error


def _name(name: x509.Name) -> str:
    """A distinguished name for people: the common name where it has one, else all of it."""
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if len(common) == 1 else name.rfc4514_string()
