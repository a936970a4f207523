"""Looks at a TLS server: its certificate, and what becomes of a connection with or without a client certificate."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from sutra_grid.core.errors import FailedPrecondition, GridError, Unauthenticated, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.runtime.certificates.describe import CertificateFacts, describe
from sutra_grid.runtime.net import format_host_port

QUIET_SECONDS: Final = 1.0
"""How long a server that says nothing is listened to. One that refuses a client does so within a round trip."""

#: What a client of HTTP/2 says first. A server that accepts the client answers it, and others are not told it.
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
_NO_TLS: Final = {
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
    "RECORD_LAYER_FAILURE",
    "UNEXPECTED_MESSAGE",
}
_OLD_VERSIONS: Final = {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE"}
_CLOSED: Final = "UNEXPECTED_EOF_WHILE_READING"
#: Codes of OpenSSL's verification that say that no trusted authority has signed.
_UNTRUSTED: Final = {2, 18, 19, 20, 21, 27}


class Ending(StrEnum):
    """What the server did after the handshake."""

    OPEN = "open"
    CLOSED = "closed"  # without a word
    REFUSED = "refused"  # with an alert


@dataclass(frozen=True, slots=True)
class ClientFiles:
    """The certificate and the key that a client shows."""

    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Look:
    """What a server has shown. ``alert`` is what it refused the connection with."""

    host: str
    port: int
    certificate: x509.Certificate
    facts: CertificateFacts
    tls_version: str
    ending: Ending
    alert: str = ""

    @property
    def target(self) -> str:
        """Host and port."""
        return format_host_port(self.host, self.port)


def look(host: str, port: int, client: ClientFiles | None, timeout_seconds: float) -> Look:
    """Connect, shake hands without judging the server, and see whether the connection stays. Blocks.

    Raises ``Unavailable`` when nothing answers, ``FailedPrecondition`` when what answers is no TLS of a version that
    the grid speaks, and ``Unauthenticated`` when the server ends the handshake over the client's certificate.
    """
    deadline = time.monotonic() + timeout_seconds
    context = _context(client)
    with _connected(host, port, deadline) as stream, _shaken(context, stream, host, port, client, deadline) as tls:
        der = tls.getpeercert(binary_form=True)
        try:
            certificate = x509.load_der_x509_certificate(der or b"")
            facts = describe(certificate)
        except ValueError as error:
            raise FailedPrecondition(
                f"the certificate of {format_host_port(host, port)} can't be decoded: {error}",
                reason=Reason.CERTIFICATE_INVALID,
                hint="Replace the certificate of the server",
            ) from error
        version = tls.version() or ""  # it is forgotten when the server closes the connection
        ending, alert = _ending(tls, deadline)
        return Look(host, port, certificate, facts, version, ending, alert)


@dataclass(frozen=True, slots=True)
class ServedChain:
    """The certificates that a server has shown, the leaf first, and this host's address on the way to it."""

    certificates: tuple[x509.Certificate, ...]
    own_address: str


def served_chain(host: str, port: int, timeout_seconds: float) -> ServedChain:
    """All certificates that a server shows, without judging any. Nothing is sent but the handshake. Blocks.

    Raises as ``look`` does.
    """
    deadline = time.monotonic() + timeout_seconds
    context = _context(None)
    with _connected(host, port, deadline) as stream, _shaken(context, stream, host, port, None, deadline) as tls:
        try:
            return ServedChain(tuple(map(x509.load_der_x509_certificate, _chain_of(tls))), tls.getsockname()[0])
        except ValueError as error:
            raise FailedPrecondition(
                f"the certificates of {format_host_port(host, port)} can't be decoded: {error}",
                reason=Reason.CERTIFICATE_INVALID,
                hint="Replace the certificate of the server",
            ) from error


def _chain_of(tls: ssl.SSLSocket) -> list[bytes]:
    """The chain as the server sent it, in DER form."""
    public = getattr(tls, "get_unverified_chain", None)  # from Python 3.13
    if public is not None:
        return list(public())
    encoding_der = 2  # ssl's private constant for it
    inner: Any = tls._sslobj  # type: ignore[attr-defined]
    return [certificate.public_bytes(encoding_der) for certificate in inner.get_unverified_chain() or ()]


def is_trusted(seen: Look, bundle_pem: bytes, client: ClientFiles | None, timeout_seconds: float) -> bool:
    """Whether the server's whole chain leads to an authority of the bundle, by a second handshake. Blocks."""
    deadline = time.monotonic() + timeout_seconds
    context = _context(client)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=bundle_pem.decode("ascii"))
    host, port = seen.host, seen.port
    try:
        with _connected(host, port, deadline) as stream, _shaken(context, stream, host, port, client, deadline):
            return True
    except ssl.SSLCertVerificationError as error:
        return error.verify_code not in _UNTRUSTED


def _context(client: ClientFiles | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2", "http/1.1"])
    if client is not None:
        context.load_cert_chain(client.cert, client.key)
    return context


def _connected(host: str, port: int, deadline: float) -> socket.socket:
    target = format_host_port(host, port)
    try:
        return socket.create_connection((host, port), max(0.01, deadline - time.monotonic()))
    except socket.gaierror as error:
        raise Unavailable(
            f"the name {host} can't be resolved: {error.strerror}",
            reason=Reason.UNRESOLVABLE_NAME,
            hint="Check the spelling, or use an IP address",
        ) from error
    except TimeoutError as error:
        raise Unavailable(
            f"{target} does not answer",
            reason=Reason.TIMED_OUT,
            hint="Check the address, and firewalls between this host and that one",
        ) from error
    except OSError as error:
        nothing = isinstance(error, ConnectionRefusedError)
        raise Unavailable(
            f"nothing listens at {target}" if nothing else f"{target} can't be reached: {error.strerror}",
            reason=Reason.CONNECTION_REFUSED if nothing else Reason.TIMED_OUT,
            hint="Check the address, and that the daemon runs",
        ) from error


def _shaken(
    context: ssl.SSLContext, stream: socket.socket, host: str, port: int, client: ClientFiles | None, deadline: float
) -> ssl.SSLSocket:
    stream.settimeout(max(0.01, deadline - time.monotonic()))
    try:
        return context.wrap_socket(stream, server_hostname=host)
    except ssl.SSLCertVerificationError:
        raise
    except OSError as error:
        raise _handshake_fault(format_host_port(host, port), client, error) from error


def _handshake_fault(target: str, client: ClientFiles | None, error: OSError) -> GridError:
    if isinstance(error, TimeoutError):
        return FailedPrecondition(
            f"{target} accepts connections and does not answer a TLS handshake",
            reason=Reason.TIMED_OUT,
            hint="Check that the port is one with TLS",
        )
    why = (getattr(error, "reason", None) or "") if isinstance(error, ssl.SSLError) else ""
    if why in _NO_TLS:
        return FailedPrecondition(
            f"there is no TLS at {target}: the server answers in another protocol",
            reason=Reason.UNSUPPORTED,
            hint="Use the port with TLS, or set up TLS at this server",
        )
    if why in _OLD_VERSIONS:
        return FailedPrecondition(
            f"{target} speaks neither TLS 1.2 nor TLS 1.3",
            reason=Reason.UNSUPPORTED,
            hint="Allow TLS 1.2 or 1.3 at the server",
        )
    if "ALERT" in why:
        return Unauthenticated(
            f"{target} ended the TLS handshake with the alert {alert_words(why)!r}",
            reason=Reason.UNAUTHENTICATED,
            hint=_client_hint(client),
        )
    if why and why != _CLOSED:
        return FailedPrecondition(
            f"the TLS handshake with {target} failed: {why.replace('_', ' ').lower()}",
            reason=Reason.UNSUPPORTED,
            hint="Check the TLS settings of the server",
        )
    return FailedPrecondition(
        f"{target} closed the connection during the TLS handshake: there is no TLS at this port, or the server "
        f"{'refuses the certificate of the client' if client else 'requires a certificate of the client'}",
        reason=Reason.UNSUPPORTED,
        hint=_client_hint(client),
    )


def _client_hint(client: ClientFiles | None) -> str:
    if client is None:
        return "Repeat with a client certificate: --cert FILE --key FILE"
    return f"Check {client.cert} with `sutra-grid-cli tls show {client.cert}`, and read the server's log"


def alert_words(reason: str) -> str:
    """An alert as TLS names it: ``certificate required`` for OpenSSL's ``TLSV13_ALERT_CERTIFICATE_REQUIRED``."""
    return reason.partition("ALERT_")[2].replace("_", " ").lower() or reason


def _ending(tls: ssl.SSLSocket, deadline: float) -> tuple[Ending, str]:
    """Whether the connection stays. In TLS 1.3 a server judges the client after the client's handshake has ended."""
    try:
        speaks_http2 = tls.selected_alpn_protocol() == "h2"
        left = max(0.01, deadline - time.monotonic())
        tls.settimeout(left if speaks_http2 else min(QUIET_SECONDS, left))
        if speaks_http2:
            tls.sendall(_PREFACE)
        elif tls.version() != "TLSv1.3":
            return Ending.OPEN, ""
        return (Ending.OPEN if tls.recv(1) else Ending.CLOSED), ""
    except TimeoutError:
        return Ending.OPEN, ""
    except ssl.SSLError as error:
        alert = error.reason or ""
        return (Ending.REFUSED, alert_words(alert)) if "ALERT" in alert else (Ending.CLOSED, "")
    except OSError:
        return Ending.CLOSED, ""
