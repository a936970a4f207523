"""Judges what a server has shown: authority, times, purpose, name, and what it did with the client. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography import x509

from sutra_grid.core.access.identity import Identity, Role
from sutra_grid.core.age import duration
from sutra_grid.runtime.certificates.describe import CertificateFacts, Validity, describe, is_signed_by
from sutra_grid.runtime.certificates.files import Bundle
from sutra_grid.runtime.certificates.handshake import Ending, Look


class Check(StrEnum):
    """What is looked at."""

    AUTHORITY = "authority"
    TIME = "time"
    PURPOSE = "purpose"
    NAME = "name"
    CLIENT = "client"


class Fault(StrEnum):
    """What is wrong. Programs decide by it."""

    NONE = ""
    OTHER_AUTHORITY = "other_authority"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    NOT_FOR_SERVERS = "not_for_servers"
    OTHER_GRID = "other_grid"
    OTHER_NAME = "other_name"
    CLIENT_CERTIFICATE_NEEDED = "client_certificate_needed"
    CLIENT_CERTIFICATE_REFUSED = "client_certificate_refused"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and its result. ``hint`` says what to do about a fault."""

    check: Check
    message: str
    fault: Fault = Fault.NONE
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the server should be. Without a role and a server name, what the certificate itself says decides.

    ``ca_file`` and ``client`` are for messages: the file of the authorities, and who the client says it is.
    """

    bundle: Bundle
    ca_file: str
    trusted: bool
    role: Role | None = None
    name: str = ""
    server_name: str = ""
    client: str = ""


def judge(seen: Look, expected: Expected, now: datetime) -> list[Finding]:
    """All checks, in the order in which a client makes them."""
    return [
        _authority(seen, expected),
        _time(seen, expected, now),
        _purpose(seen),
        _name(seen, expected),
        _client(seen, expected),
    ]


def covers(facts: CertificateFacts, host: str) -> bool:
    """Whether a client that checks the host accepts the certificate for ``host``: a name or an IP address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.rstrip(".").lower()
        below = name.partition(".")[2]
        return any(one.lower() in (name, f"*.{below}") for one in facts.dns_names) and bool(name)
    return any(ipaddress.ip_address(one) == address for one in facts.addresses if "/" not in one)


def _authority(seen: Look, expected: Expected) -> Finding:
    if expected.trusted:
        return Finding(Check.AUTHORITY, f"signed by an authority in {expected.ca_file}")
    return Finding(
        Check.AUTHORITY,
        f"issued by {seen.facts.issuer!r}, and no authority in {expected.ca_file} signed it",
        Fault.OTHER_AUTHORITY,
        "Name the ca.pem of this server's grid with --ca. If it is the right one, replace the server's certificate",
    )


def _time(seen: Look, expected: Expected, now: datetime) -> Finding:
    leaf = _time_of(seen.facts, "the certificate", now)
    if leaf.fault:
        return leaf
    for authority in _issuers(seen.certificate, expected.bundle):
        found = _time_of(describe(authority), f"the authority in {expected.ca_file}", now)
        if found.fault:
            return found
    return leaf


def _time_of(facts: CertificateFacts, what: str, now: datetime) -> Finding:
    clock = f"the clock of this host says {_utc(now)}"
    match facts.validity(now):
        case Validity.EXPIRED:
            ago = duration((now - facts.not_after).total_seconds())
            return Finding(
                Check.TIME,
                f"{what} expired {ago} ago, at {_utc(facts.not_after)}; {clock}",
                Fault.EXPIRED,
                "Replace it with a new one. If the clock of this host is wrong, set the clock",
            )
        case Validity.NOT_YET_VALID:
            early = duration((facts.not_before - now).total_seconds())
            return Finding(
                Check.TIME,
                f"{what} is not valid before {_utc(facts.not_before)}, in {early}; {clock}",
                Fault.NOT_YET_VALID,
                "Compare the clocks of this host and of the one that made the certificate: run `date -u` on both",
            )
    left = duration((facts.not_after - now).total_seconds())
    return Finding(Check.TIME, f"valid until {_utc(facts.not_after)}, {left} left; {clock}")


def _purpose(seen: Look) -> Finding:
    if seen.facts.may_serve:
        return Finding(Check.PURPOSE, "may be used by a server")
    return Finding(
        Check.PURPOSE,
        "may not be used by a server",
        Fault.NOT_FOR_SERVERS,
        "Make a certificate of role master, agent or admin for this server",
    )


def _name(seen: Look, expected: Expected) -> Finding:
    facts, identity = seen.facts, seen.facts.identity
    if expected.server_name:
        return _host(facts, expected.server_name)
    if expected.role is None and (identity is None or identity.role not in (Role.MASTER, Role.AGENT)):
        return _host(facts, seen.host)
    if identity is None:
        return Finding(
            Check.NAME,
            f"names no identity in a grid, and role {expected.role} is expected",
            Fault.OTHER_NAME,
            f"Make it with `sutra-grid-cli tls cert create --role {expected.role} --name NAME`",
        )
    return _identity(seen, identity, expected)


def _identity(seen: Look, identity: Identity, expected: Expected) -> Finding:
    """Whether it is the member of the grid that is expected, under the name that the grid checks."""
    if expected.bundle.grids and identity.grid not in expected.bundle.grids:
        return Finding(
            Check.NAME,
            f"belongs to grid {identity.grid!r}; {expected.ca_file} is that of {', '.join(expected.bundle.grids)}",
            Fault.OTHER_GRID,
            "Use the certificate authority and the certificates of one grid",
        )
    wanted = f"{expected.role} {expected.name}" if expected.name else f"role {expected.role}"
    if expected.role not in (None, identity.role) or expected.name not in ("", identity.name):
        return Finding(
            Check.NAME,
            f"is that of {identity.role} {identity.name}, and {wanted} is expected",
            Fault.OTHER_NAME,
            "Check the address, and the certificate in the server's configuration",
        )
    if not covers(seen.facts, identity.server_name):
        return Finding(
            Check.NAME,
            f"does not name {identity.server_name}, which the grid checks",
            Fault.OTHER_NAME,
            "Add this DNS name to the certificate, or make it with `sutra-grid-cli tls cert create`",
        )
    note = f"; it does not name {seen.host}, so clients that check the host refuse it"
    found = f"{identity.role} {identity.name} of grid {identity.grid!r}"
    return Finding(Check.NAME, found + ("" if covers(seen.facts, seen.host) else note))


def _host(facts: CertificateFacts, host: str) -> Finding:
    if covers(facts, host):
        return Finding(Check.NAME, f"names {host}")
    names = ", ".join((*facts.dns_names, *facts.addresses)) or "no host"
    return Finding(
        Check.NAME,
        f"does not name {host}; it names {names}",
        Fault.OTHER_NAME,
        f"Make a certificate with `--host {host}`, or connect to a name that it has",
    )


def _client(seen: Look, expected: Expected) -> Finding:
    who = f"with the certificate of {expected.client}" if expected.client else "without a client certificate"
    if seen.ending is Ending.OPEN:
        return Finding(Check.CLIENT, f"{who}, the connection stays open")
    how = f"with the alert {seen.alert!r}" if seen.alert else "and does not say why"
    if expected.client:
        return Finding(
            Check.CLIENT,
            f"{who}, the server closes the connection {how}",
            Fault.CLIENT_CERTIFICATE_REFUSED,
            "Check the authority, the times and the role of the client certificate, and read the server's log",
        )
    return Finding(
        Check.CLIENT,
        f"{who}, the server closes the connection {how}; it probably requires one",
        Fault.CLIENT_CERTIFICATE_NEEDED,
        "Repeat with a client certificate: --cert FILE --key FILE",
    )


def _issuers(certificate: x509.Certificate, bundle: Bundle) -> list[x509.Certificate]:
    return [one for one in bundle.authorities if is_signed_by((certificate,), (one,))]


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
