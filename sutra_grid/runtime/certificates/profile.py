"""What stands in the certificates of a grid: names, purposes and uses of the key."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final, cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sutra_grid.core.access.identity import SERVER_DOMAIN, Identity, Role
from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason
from sutra_grid.runtime.net import is_host

MAX_COMMON_NAME: Final = 64
"""The standard's limit. A longer name stands in the URI alone."""
MAX_HOSTS: Final = 100

_SERVERS: Final = frozenset({Role.MASTER, Role.ADMIN, Role.AGENT, Role.NODE})
_CLIENTS: Final = frozenset(Role) - {Role.NODE}


def subject_of(identity: Identity) -> x509.Name:
    """The subject, for people who look with other tools; the grid reads the URI alone."""
    parts = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, identity.grid),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, identity.role),
    ]
    if len(identity.name) <= MAX_COMMON_NAME:
        parts.append(x509.NameAttribute(NameOID.COMMON_NAME, identity.name))
    return x509.Name(parts)


def names_of(identity: Identity, hosts: Sequence[str]) -> list[x509.GeneralName]:
    """The URI of the identity, its name as a server of the grid, and each host once. Raises ``InvalidArgument``."""
    if len(hosts) > MAX_HOSTS:
        raise invalid(f"{len(hosts)} hosts for one certificate, at most {MAX_HOSTS} are allowed", "Name fewer hosts")
    names: list[x509.GeneralName] = [
        x509.UniformResourceIdentifier(identity.uri),
        x509.DNSName(identity.server_name),
    ]
    for host in hosts:
        name = host_name(host)
        if name not in names:
            names.append(name)
    return names


def host_name(host: str) -> x509.DNSName | x509.IPAddress:
    """The name in a certificate for a host name or an IP address. Raises ``InvalidArgument``."""
    name = host.rstrip(".").lower()
    try:
        if "%" not in host:  # an address with a scope (fe80::1%eth0) has no form in a certificate
            return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    if f".{name}".endswith(f".{SERVER_DOMAIN}"):
        raise invalid(
            f"the host {host!r} can't stand in a certificate: names below {SERVER_DOMAIN!r} belong to the grid",
            "Name the host as DNS or the clients know it",
        )
    if ":" in name or not name or not is_host(name):
        raise invalid(
            f"invalid host {host!r} for a certificate",
            "Use a host name or an IP address, without a port, such as --host node1.example.net or --host 10.0.0.1",
        )
    return x509.DNSName(name)


def purposes_of(role: Role) -> list[x509.ObjectIdentifier]:
    """What a role's certificate is good for in TLS. No key of a person can stand in for a server."""
    purposes = []
    if role in _SERVERS:
        purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
    if role in _CLIENTS:
        purposes.append(ExtendedKeyUsageOID.CLIENT_AUTH)
    return purposes


def key_usage(*, signs_certificates: bool = False, key_encipherment: bool = False) -> x509.KeyUsage:
    """What the key may do: sign certificates, or sign handshakes."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def authority_key_id(certificate: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """The reference to the key of the authority that signs."""
    try:
        identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        key = cast(ec.EllipticCurvePublicKey | rsa.RSAPublicKey, certificate.public_key())
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def invalid(message: str, hint: str) -> InvalidArgument:
    """The error about something that can never become a certificate."""
    return InvalidArgument(message, reason=Reason.INVALID_ARGUMENT, hint=hint)
