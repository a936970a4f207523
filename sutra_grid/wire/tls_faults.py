"""Why a TLS connection was not made, read from gRPC's details. If these texts change, gRPC's own words are shown.

A server that does not accept a client's certificate closes the connection and does not say why (TLS 1.3 lets the client
send before the server has judged). So only the likely causes can be named, and the command that looks at them.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class TlsFault(NamedTuple):
    """The cause, for a message that begins with the name of the peer, and what to do."""

    cause: str
    hint: str


_LOOK: Final = "See what it is with: sutra-grid-cli tls verify {}"

# Each with words of gRPC or BoringSSL. The first one that is found counts.
_SERVER: Final = (
    ("certificate has expired", "its certificate has expired, or a clock is wrong"),
    ("certificate is not yet valid", "its certificate is not valid yet, or a clock is wrong"),
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not signed by an authority that is trusted here"),
    ("Hostname Verification Check failed", "its certificate is for another name"),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS"),
)
_CLOSED: Final = ("Socket closed", "Connection reset")


def explain(details: str, target: str, *, is_tls: bool) -> TlsFault | None:
    """The fault of a connection that was not made; None when the details name none of TLS."""
    look = _LOOK.format(target)
    if not is_tls:
        if any(words in details for words in _CLOSED):
            return TlsFault("it closed the connection at once; it may need TLS", look)
        return None
    for words, cause in _SERVER:
        if words in details:
            return TlsFault(cause, look)
    if any(words in details for words in _CLOSED):
        return TlsFault(
            "it closed the connection; it may not accept the certificate of this side (none, expired, another CA)", look
        )
    return None
