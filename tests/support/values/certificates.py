"""Certificates for tests: a certificate authority in memory, and files as daemons use them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sutra_grid.core.access.identity import Identity, Role, grid_uri
from sutra_grid.runtime.certificates.authority import Authority
from sutra_grid.runtime.tls.credentials import CredentialFiles, Credentials

DAY = timedelta(days=1)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _address_or_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@dataclass
class TestAuthority:
    """Issues certificates of any kind, also wrong ones."""

    __test__ = False

    grid: str = "grid"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{self.grid} test CA")])
        self.name = name
        self.pem = (
            self._builder(name, self.key, DAY * -1, DAY * 365)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(grid_uri(self.grid))]), critical=False
            )
            .sign(self.key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )

    @property
    def key_pem(self) -> bytes:
        return _pem(self.key)

    def issue(
        self,
        role: Role,
        name: str,
        *,
        hosts: tuple[str, ...] = ("127.0.0.1", "localhost"),
        begins: timedelta = -DAY,
        ends: timedelta = DAY,
        uris: tuple[str, ...] | None = None,
    ) -> tuple[bytes, bytes]:
        """Certificate and key, as PEM. ``uris`` replaces the identity."""
        identity = Identity(self.grid, role, name)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names: list[x509.GeneralName] = [
            *(x509.UniformResourceIdentifier(uri) for uri in (uris if uris is not None else (identity.uri,))),
            x509.DNSName(identity.server_name),
            *(_address_or_name(host) for host in hosts),
        ]
        certificate = (
            self._builder(subject, key, begins, ends)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            # Two authorities of one grid have one name; this tells which of them has signed.
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM), _pem(key)

    def sign(self, request_pem: bytes, role: Role, name: str) -> bytes:
        """A certificate for the key of a signing request, as PEM."""
        authority = Authority.load(self.pem, self.key_pem)
        return authority.sign(request_pem, Identity(self.grid, role, name), (), DAY, datetime.now(UTC)).certificate_pem

    def credentials(self, role: Role, name: str, **kinds: object) -> Credentials:
        """What files with such a certificate contain."""
        certificate, key = self.issue(role, name, **kinds)  # type: ignore[arg-type]
        return Credentials(self.pem, certificate, key, Identity(self.grid, role, name), self.grid)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, begins: timedelta, ends: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
        )


def files_of(credentials: Credentials) -> CredentialFiles:
    """Files that never change."""
    return CredentialFiles((), lambda: credentials)


def write_files(directory: Path, credentials: Credentials) -> tuple[Path, Path, Path]:
    """CA, certificate and key as files: ``ca.pem``, ``cert.pem``, ``key.pem``."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = (directory / "ca.pem", directory / "cert.pem", directory / "key.pem")
    for path, data in zip(paths, (credentials.ca_pem, credentials.certificate_pem, credentials.key_pem), strict=True):
        path.write_bytes(data)
        path.chmod(0o600)
    return paths
