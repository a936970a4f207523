"""The certificate authority of a grid: makes it, and issues certificates for identities. Reads no file and no clock.

A certificate holds the identity as its one URI name, and as DNS names the name that the grid checks a server for and
the hosts that other clients check. Keys are ECDSA P-256, PKCS#8 without a password. Serial numbers are random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sutra_grid.core.access.identity import Identity, check_grid, grid_uri
from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.core.types import Reason
from sutra_grid.runtime.certificates.describe import (
    Validity,
    fingerprint_of,
    fits,
    grid_of,
    is_authority,
    serial_of,
    validity,
)
from sutra_grid.runtime.certificates.profile import (
    MAX_COMMON_NAME,
    authority_key_id,
    invalid,
    key_usage,
    names_of,
    purposes_of,
    subject_of,
)

AuthorityKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

AUTHORITY_LIFETIME: Final = timedelta(days=3650)
BACKDATED: Final = timedelta(minutes=10)
"""Certificates are valid from so long before they are made: the clocks of hosts differ."""
MAX_REQUEST: Final = 16 * 1024
"""Bytes of a signing request, which comes from elsewhere. One with an RSA key of 8192 bits has 3 KB."""
MIN_RSA_BITS: Final = 2048


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate as PEM, with its key unless the holder made that itself. ``serial`` is hexadecimal."""

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)
    serial: str
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Authority:
    """The certificate authority of one grid, with its private key."""

    certificate: x509.Certificate
    key: AuthorityKey = field(repr=False)
    grid: str

    @classmethod
    def load(cls, ca_pem: bytes, key_pem: bytes) -> Authority:
        """The authority of a PEM certificate and its key. Of a bundle, the certificate that the key belongs to.

        Raises ``InvalidArgument``; ``files.read_authority`` names the files too.
        """
        try:
            certificates = x509.load_pem_x509_certificates(ca_pem)
            key = serialization.load_pem_private_key(key_pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise invalid(f"the certificate authority can't be read: {error}", _MAKE_AUTHORITY) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise invalid("the key of the certificate authority is neither ECDSA nor RSA", _MAKE_AUTHORITY)
        for certificate in certificates:
            if fits(certificate, key):
                return cls(certificate, key, _grid_of_authority(certificate))
        raise invalid("the key does not fit the certificate of the authority", "Use the two files of one authority")

    @property
    def certificate_pem(self) -> bytes:
        """The certificate alone, without others of its bundle."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key."""
        return key_to_pem(self.key)

    @property
    def digest(self) -> str:
        """The SHA-256 of the certificate's DER form, as hexadecimal digits."""
        return fingerprint_of(self.certificate)

    def issue(self, identity: Identity, hosts: Sequence[str], lifetime: timedelta, now: datetime) -> IssuedCertificate:
        """A new key and its certificate for ``identity``, which ends with the authority's at the latest.

        Raises ``InvalidArgument``, and ``FailedPrecondition`` when the authority itself is not valid at ``now``.
        """
        key = new_key()
        certificate = self._certify(key.public_key(), identity, hosts, lifetime, now)
        return _issued(certificate, key_to_pem(key))

    def sign(
        self, csr_pem: bytes, identity: Identity, hosts: Sequence[str], lifetime: timedelta, now: datetime
    ) -> IssuedCertificate:
        """A certificate for the key of a signing request. Of the request nothing else is taken over.

        Raises as ``issue`` does, and ``InvalidArgument`` when the request is not signed by its key.
        """
        return _issued(self._certify(_requested_key(csr_pem), identity, hosts, lifetime, now), b"")

    def _certify(
        self,
        key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
        identity: Identity,
        hosts: Sequence[str],
        lifetime: timedelta,
        now: datetime,
    ) -> x509.Certificate:
        if identity.grid != self.grid:
            raise invalid(
                f"the certificate authority of grid {self.grid!r} can't issue a certificate for {identity}",
                f"Use an identity of grid {self.grid!r}, or the authority of grid {identity.grid!r}",
            )
        self._check_usable(now)
        if lifetime <= timedelta(0):
            raise invalid(f"invalid lifetime {lifetime} of a certificate", "Use a positive lifetime")
        end = self.certificate.not_valid_after_utc
        return (
            _builder(subject_of(identity), now, now + lifetime if lifetime < end - now else end)
            .issuer_name(self.certificate.subject)
            .public_key(key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(key_encipherment=isinstance(key, rsa.RSAPublicKey)), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes_of(identity.role)), critical=False)
            .add_extension(x509.SubjectAlternativeName(names_of(identity, hosts)), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(authority_key_id(self.certificate), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def _check_usable(self, now: datetime) -> None:
        begin, end = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        match validity(begin, end, now):
            case Validity.EXPIRED:
                raise FailedPrecondition(
                    f"the certificate authority of grid {self.grid!r} expired at {end:%Y-%m-%d %H:%M:%S} UTC",
                    reason=Reason.CERTIFICATE_INVALID,
                    hint="Make a new one with `sutra-grid-cli tls ca create` and replace all certificates of the grid",
                )
            case Validity.NOT_YET_VALID:
                raise FailedPrecondition(
                    f"the certificate authority of grid {self.grid!r} is not valid before "
                    f"{begin:%Y-%m-%d %H:%M:%S} UTC, and it is {now:%Y-%m-%d %H:%M:%S} UTC at this host",
                    reason=Reason.CERTIFICATE_INVALID,
                    hint="Set the clock of this host",
                )


def create_authority(grid: str, now: datetime, lifetime: timedelta = AUTHORITY_LIFETIME) -> Authority:
    """A new authority for ``grid``, which signs certificates of members and no other authority.

    Raises ``InvalidArgument`` for a name that no grid can have.
    """
    check_grid(grid)
    key = new_key()
    public = key.public_key()
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, grid),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{grid} certificate authority"[:MAX_COMMON_NAME]),
        ]
    )
    certificate = (
        _builder(name, now, now + lifetime)
        .issuer_name(name)
        .public_key(public)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(grid_uri(grid))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key, grid)


def new_key() -> ec.EllipticCurvePrivateKey:
    """A new private key of the kind that the grid uses."""
    return ec.generate_private_key(ec.SECP256R1())


def key_to_pem(key: AuthorityKey) -> bytes:
    """The private key as PKCS#8 PEM without a password."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def make_request(key: AuthorityKey) -> bytes:
    """A signing request that proves the possession of ``key`` and asks for nothing."""
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


_MAKE_AUTHORITY: Final = "Use the files that `sutra-grid-cli tls ca create` wrote"


def _grid_of_authority(certificate: x509.Certificate) -> str:
    try:
        grid, signs = grid_of(certificate), is_authority(certificate)
    except ValueError as error:
        raise invalid(f"the certificate of the authority can't be decoded: {error}", _MAKE_AUTHORITY) from error
    if not signs:
        raise invalid("the certificate may not sign others: it is not that of an authority", _MAKE_AUTHORITY)
    if not grid:
        raise invalid("the certificate of the authority names no grid (spiffe://GRID)", _MAKE_AUTHORITY)
    return grid


def _requested_key(csr_pem: bytes) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    hint = "Make the request again with an ECDSA P-256 key"
    if len(csr_pem) > MAX_REQUEST:
        raise invalid(f"the signing request has {len(csr_pem)} bytes, at most {MAX_REQUEST} are allowed", hint)
    try:
        request = x509.load_pem_x509_csr(csr_pem)
        key = request.public_key()
        signed = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise invalid(f"the signing request can't be read: {error}", hint) from error
    if not signed:
        raise invalid("the signing request is not signed by its own key", hint)
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1):
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return key
    raise invalid(f"the key of the signing request is neither ECDSA nor RSA of {MIN_RSA_BITS} bits or more", hint)


def _builder(subject: x509.Name, now: datetime, not_after: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .subject_name(subject)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(not_after)
    )


def _issued(certificate: x509.Certificate, key_pem: bytes) -> IssuedCertificate:
    return IssuedCertificate(
        certificate_pem=certificate.public_bytes(serialization.Encoding.PEM),
        key_pem=key_pem,
        serial=serial_of(certificate),
        not_after=certificate.not_valid_after_utc,
    )
