"""The address that a node tells to etcd's clients, which connect to what the list of members says."""

from __future__ import annotations

import ipaddress
import socket
from concurrent.futures import Future
from urllib.parse import unquote

from sutra_grid.core.errors import GridError
from sutra_grid.runtime.net import format_host_port, parse_host_port

BOUND_SECONDS = 5.0
"""How long a call that came with the start waits for the address."""


class ClientAddress:
    """Known once the server is bound, after its services were made. Safe from any thread."""

    def __init__(self, scheme: str = "http") -> None:
        """``scheme`` is ``https`` for a server with TLS."""
        self._scheme = scheme
        self._bound: Future[tuple[str, int]] = Future()

    def bound(self, host: str, port: int) -> None:
        """Tell where the server listens. Once."""
        self._bound.set_result((host, port))

    def url(self, peer: str) -> str:
        """The URL for the client at ``peer`` (gRPC's ``ipv4:1.2.3.4:5``).

        A server that listens on all addresses tells the one from which this host reaches the client.
        """
        host, port = self._bound.result(BOUND_SECONDS)
        if _is_wildcard(host):
            host = _address_towards(peer) or socket.gethostname()
        return f"{self._scheme}://{format_host_port(host, port)}"


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return not host


def _address_towards(peer: str) -> str | None:
    """This host's address on the way to ``peer``; None when there is none. Nothing is sent."""
    try:
        host, port = parse_host_port(unquote(peer).partition(":")[2])
        address = ipaddress.ip_address(host)
        if mapped := getattr(address, "ipv4_mapped", None):  # an IPv4 client of a server on [::]
            address = mapped
        with socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), port))
            own: str = probe.getsockname()[0]
    except (GridError, ValueError, OSError):
        return None
    return own
