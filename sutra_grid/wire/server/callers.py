"""Finds out who makes a call: by the certificate of its connection, or by the token that it carries."""

from __future__ import annotations

import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import grpc

from sutra_grid.core.access.identity import parse_uri
from sutra_grid.core.access.principal import LOCAL, Principal, PrincipalKind
from sutra_grid.core.errors import GridError, Unauthenticated
from sutra_grid.core.types import Reason
from sutra_grid.runtime.net import is_loopback
from sutra_grid.wire.caller import on_behalf_of
from sutra_grid.wire.tls import TLS_SECURITY

AUTHORIZATION_KEY: Final = "authorization"
BEARER: Final = "bearer "

_CERTIFICATE: Final = "x509_pem_cert"
"""In gRPC's auth context: the certificate that the client has shown, as PEM."""

MAX_CACHED_CERTIFICATES: Final = 32_768
"""Above the agents of a large grid. A certificate is read once; each entry takes about 2 KiB."""

TokenCheck = Callable[[str, str], Principal]
"""Takes a token and the caller's address; raises ``Unauthenticated`` for one that is not accepted."""

RevocationCheck = Callable[[Principal], GridError | None]
"""Returns the error for the holder of a certificate that does not count any more, else None; any thread."""


GridName = Callable[[], str]
"""Returns the grid of the server, as its certificate says; empty when it has none."""


class _Holder(NamedTuple):
    """What a certificate says. ``not_after`` is in wall-clock seconds."""

    principal: Principal
    grid: str
    not_after: float


def nobody_is_revoked(_principal: Principal) -> GridError | None:
    """The check of a server that knows no revocations."""
    return None


def no_grid() -> str:
    """The grid of a server without TLS."""
    return ""


class Callers:
    """Thread-safe; quick, as every call passes here. ``check_token`` is None for a server that knows no tokens.

    A certificate that is revoked or expired, or that is of another grid, opens nothing, also not for a caller that
    shows a token beside it, or that calls for somebody else. gRPC checks none of this on a connection that exists, and
    an authority may sign for several grids.
    """

    def __init__(
        self,
        check_token: TokenCheck | None = None,
        revocation: RevocationCheck = nobody_is_revoked,
        grid: GridName = no_grid,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._check_token = check_token
        self._revocation = revocation
        self._grid = grid
        self._wall = wall

    def of(self, context: grpc.ServicerContext) -> Principal:
        """The caller. Raises ``Unauthenticated`` for a token or a certificate that is not accepted."""
        metadata = _metadata(context)
        address = address_of(context.peer())
        security: Mapping[str, Any] = context.auth_context()
        is_tls = security.get("transport_security_type") == [TLS_SECURITY]
        connected = self._by_connection(security, is_tls, address)
        if (revoked := self._revocation(connected)) is not None:
            raise revoked
        token = _token(metadata)
        if token and self._check_token is not None:
            if not is_tls and not is_loopback(address):
                raise Unauthenticated(
                    "a token was sent over a connection without TLS",
                    reason=Reason.UNAUTHENTICATED,
                    hint="Revoke it, because others may have read it, and use TLS (--tls-ca)",
                )
            return self._check_token(token, address)
        return on_behalf_of(connected, metadata)

    def _by_connection(self, security: Mapping[str, Any], is_tls: bool, address: str) -> Principal:
        if not is_tls:
            return _local_at(address)
        certificate = security.get(_CERTIFICATE)
        if not certificate:
            return Principal(PrincipalKind.ANONYMOUS, address=address)
        holder = _of_certificate(certificate[0])
        grid = self._grid()
        if grid and holder.grid != grid:
            raise _other_grid(holder, grid)
        if self._wall() >= holder.not_after:
            raise _expired(holder)
        return replace(holder.principal, address=address)


def certificate_of(context: grpc.ServicerContext) -> bytes | None:
    """The certificate of the caller's connection, as PEM; None without one."""
    security: Mapping[str, Any] = context.auth_context()
    return next(iter(security.get(_CERTIFICATE, ())), None)


@lru_cache(maxsize=MAX_CACHED_CERTIFICATES)
def address_of(peer: str) -> str:
    """The IP address of gRPC's text for a peer (``ipv4:10.0.0.1:50000``, ``ipv6:%5B::1%5D:50000``)."""
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return ""
    return urllib.parse.unquote(rest).rpartition(":")[0].strip("[]")


@lru_cache(maxsize=MAX_CACHED_CERTIFICATES)
def _local_at(address: str) -> Principal:
    return replace(LOCAL, address=address)


@lru_cache(maxsize=MAX_CACHED_CERTIFICATES)
def _of_certificate(pem: bytes) -> _Holder:
    """The holder of a certificate, whose chain gRPC has checked. Raises ``Unauthenticated`` for one of another kind."""
    from cryptography import x509

    certificate = x509.load_pem_x509_certificate(pem)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    except x509.ExtensionNotFound:
        uris = []
    # The SPIFFE standard allows one URI in a certificate; with several, nobody can say whose it is.
    identity = parse_uri(uris[0]) if len(uris) == 1 else None
    if identity is None:
        raise Unauthenticated(
            "the client's certificate has no identity of this grid",
            reason=Reason.UNAUTHENTICATED,
            hint="Use one that 'sutra-grid-cli tls cert create' has made, or one with a single URI "
            "spiffe://GRID/ROLE/NAME as subject alternative name",
        )
    serial = format(certificate.serial_number, "x")
    principal = Principal(PrincipalKind.CERTIFICATE, identity.role, identity.name, serial=serial)
    return _Holder(principal, identity.grid, certificate.not_valid_after_utc.timestamp())


def _other_grid(holder: _Holder, grid: str) -> Unauthenticated:
    principal = holder.principal
    return Unauthenticated(
        f"the certificate of {principal.role} {principal.name} is of grid {holder.grid!r}, and this is grid {grid!r}",
        reason=Reason.CERTIFICATE_INVALID,
        hint=f"Use a certificate of grid {grid!r}",
    )


def _expired(holder: _Holder) -> Unauthenticated:
    principal, end = holder.principal, datetime.fromtimestamp(holder.not_after, UTC)
    return Unauthenticated(
        f"the certificate of {principal.role} {principal.name} expired at {end:%Y-%m-%d %H:%M:%S} UTC",
        reason=Reason.CERTIFICATE_INVALID,
        hint="Replace its files with new ones, or set the clock of the server if that is wrong",
    )


def _metadata(context: grpc.ServicerContext) -> dict[str, str]:
    return {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}


def _token(metadata: Mapping[str, str]) -> str:
    header = metadata.get(AUTHORIZATION_KEY, "")
    return header[len(BEARER) :].strip() if header[: len(BEARER)].lower() == BEARER else ""
