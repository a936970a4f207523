"""Errors for an address that a server can't listen on: the same for every server of the grid."""

from __future__ import annotations

import errno
import socket
from typing import Any, Final

from sutra_grid.core.errors import AlreadyExists, GridError, InvalidArgument, PermissionDenied, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.runtime.net import format_host_port, listen_error, own_addresses
from sutra_grid.runtime.port_use import port_user

SHOW_PORT: Final = "ss -tanp 'sport = :{port}'"
"""Shows listeners and connections of a port; ``ss -l`` would show listeners only."""

AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]
"""As ``socket.getaddrinfo`` has it."""


def resolve_listen_address(host: str, port: int) -> AddressInfo:
    """The first address of ``host`` that a TCP server may bind. Raises ``InvalidArgument`` for an unknown name."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise InvalidArgument(
            f"can't listen on {format_host_port(host, port)}: the name {host} can't be resolved: {error.strerror}",
            reason=Reason.INVALID_ARGUMENT,
            hint="Use an IP address of this host, or a name that it can resolve",
        ) from error


def check_can_listen(host: str, port: int) -> None:
    """Bind the address and release it. Raises a ``GridError`` that says why this fails."""
    _, _, _, _, address = resolve_listen_address(host, port)
    error = listen_error(port, address[0])
    if error is not None:
        raise bind_fault(error, host, port) from error


def bind_fault(error: OSError, host: str, port: int) -> GridError:
    """What ``error`` of a bind or listen at ``host:port`` means."""
    address = format_host_port(host, port)
    if error.errno == errno.EADDRINUSE:
        return port_taken(host, port)
    if error.errno == errno.EACCES:
        hint = "Ports below 1024 need root; use a higher port"
        return PermissionDenied(f"can't listen on {address}: {error.strerror}", reason=Reason.FORBIDDEN, hint=hint)
    if error.errno == errno.EADDRNOTAVAIL:
        return InvalidArgument(
            f"can't listen on {address}: this host does not have the address",
            reason=Reason.INVALID_ARGUMENT,
            hint=f"Use an address of this host ({', '.join(own_addresses())}), or 0.0.0.0 for all of them",
        )
    return Unavailable(
        f"can't listen on {address}: {error.strerror}",
        reason=Reason.UNSUPPORTED,
        hint="Use another address or port",
    )


def port_taken(host: str, port: int) -> AlreadyExists:
    """Something uses the port there; the message names it if it can be found."""
    user = port_user(port, resolve_listen_address(host, port)[4][0])
    return AlreadyExists(
        f"can't listen on {format_host_port(host, port)}: the port is in use by {user}",
        reason=Reason.PORT_TAKEN,
        hint=f"Stop that process, or choose another port. This shows all that use it: {SHOW_PORT.format(port=port)}",
    )
