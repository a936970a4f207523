"""Addresses and ports of this host."""

from __future__ import annotations

import socket
from typing import Final

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason

MAX_PORT: Final = 65_535
LOOPBACK: Final = "127.0.0.1"


def parse_host_port(text: str, default_port: int | None = None) -> tuple[str, int]:
    """``host:port``, ``[::1]:port``, or a host alone when there is a default port.

    Raises ``InvalidArgument`` naming the text.
    """
    host, port_text = _split(text.strip())
    if not host or any(character.isspace() or character == "/" for character in host):
        raise _bad_address(text, default_port)
    if not port_text and default_port is not None:
        return host, default_port
    if not (port_text.isascii() and port_text.isdecimal() and int(port_text) <= MAX_PORT):
        raise _bad_address(text, default_port)
    return host, int(port_text)


def format_host_port(host: str, port: int) -> str:
    """The inverse of ``parse_host_port``: an IPv6 address gets its brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_port_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there now. Another process may take the port a moment later.

    A port below 1024 that this user may not bind is not free.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do: connections that linger after the last owner's end do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)  # two sockets may be bound to one port, but only one may listen
        except OSError:
            return False
    return True


def port_holder(port: int) -> str | None:
    """The process that listens on a TCP port, as ``pid 123 (redis-server)``; None when there is none.

    Only root sees the pids of other users' processes; for others the text says so. Takes some
    milliseconds: for messages, not for decisions.
    """
    import psutil

    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            return _describe(connection.pid)
    return None


def _describe(pid: int | None) -> str:
    import psutil

    if pid is None:
        return "a process of another user"
    try:
        return f"pid {pid} ({psutil.Process(pid).name()})"
    except psutil.Error:
        return f"pid {pid}"


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":")
    if text.count(":") > 1:  # an IPv6 address without brackets is all host
        return text, ""
    host, _, port = text.partition(":")
    return host, port


def _bad_address(text: str, default_port: int | None) -> InvalidArgument:
    form = "host:port" if default_port is None else "host or host:port"
    return InvalidArgument(
        f"invalid address {text!r}",
        reason=Reason.INVALID_ARGUMENT,
        hint=f"Write it as {form} with a port from 0 to {MAX_PORT}",
    )
