"""Addresses and ports of this host."""

from __future__ import annotations

import re
import socket
from typing import Final

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason

MAX_PORT: Final = 65_535
MAX_NAME: Final = 253  # of a host name, as DNS bounds it
LOOPBACK: Final = "127.0.0.1"
LOOPBACK_IPV6: Final = "::1"
ANY_IPV4: Final = "0.0.0.0"
ANY_IPV6: Final = "::"

# Underscores are not in the standard for host names, but names of containers have them.
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_LIKE_IPV4 = re.compile(r"[0-9.]+")
_SCOPE = re.compile(r"[A-Za-z0-9_.-]{1,15}")


class InvalidAddress(InvalidArgument):
    """A text is no address; ``allowed`` says what is."""

    def __init__(self, text: str, why: str, allowed: str) -> None:
        super().__init__(f"invalid address {text!r}{why}", reason=Reason.INVALID_ARGUMENT, hint=f"Write {allowed}")
        self.allowed = allowed


def parse_host_port(text: str, default_port: int | None = None, *, free_port: bool = True) -> tuple[str, int]:
    """``host:port``, ``[::1]:port``, or a host alone when there is a default port.

    An IPv6 address needs its brackets where it could be read with or without a port. ``free_port``: port 0 is
    allowed, by which a server lets the kernel choose. Raises ``InvalidAddress``.
    """
    host, port_text = _split(text.strip(), text, default_port)
    if not is_host(host):
        raise _bad_address(text, default_port)
    if not port_text and default_port is not None:
        return host, default_port
    lowest = 0 if free_port else 1
    if not (port_text.isascii() and port_text.isdecimal() and lowest <= int(port_text) <= MAX_PORT):
        raise _bad_address(text, default_port)
    return host, int(port_text)


def is_host(text: str) -> bool:
    """Whether ``text`` is a host name or an IP address, without brackets, port, scheme or blanks."""
    if is_ipv6(text):
        return True
    if _LIKE_IPV4.fullmatch(text):
        return _is_ip(socket.AF_INET, text)
    return len(text) <= MAX_NAME and bool(_NAME.fullmatch(text))


def is_ipv6(text: str) -> bool:
    """Whether ``text`` is an IPv6 address, perhaps with the scope of a link (``fe80::1%eth0``)."""
    address, percent, scope = text.partition("%")
    return _is_ip(socket.AF_INET6, address) and (not percent or bool(_SCOPE.fullmatch(scope)))


def is_wildcard(host: str) -> bool:
    """Whether the IP address ``host`` stands for all addresses of its host, however it is written."""
    if ":" not in host:
        return host == ANY_IPV4
    return is_ipv6(host) and not host.partition("%")[0].strip(":0")


def is_loopback(host: str) -> bool:
    """Whether ``host`` leads to its own host only: a loopback address, or the name localhost. Resolves nothing."""
    if host.rstrip(".").lower() == "localhost":
        return True
    return host.startswith("127.") if _LIKE_IPV4.fullmatch(host) else is_ipv6(host) and _is_loopback_ipv6(host)


def _is_loopback_ipv6(host: str) -> bool:
    return socket.inet_pton(socket.AF_INET6, host.partition("%")[0]) == socket.inet_pton(socket.AF_INET6, LOOPBACK_IPV6)


def format_host_port(host: str, port: int) -> str:
    """The inverse of ``parse_host_port``: an IPv6 address gets its brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_port_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen at this address of this host now. Another process may take the port a moment later.

    A port below 1024 that this user may not bind is not free.
    """
    return listen_error(port, host) is None


def listen_error(port: int, host: str) -> OSError | None:
    """Why a server can't listen at the IP address ``host``; None when it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As servers do: connections that linger after the last owner's end do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)  # two sockets may be bound to one port, but only one may listen
    except OSError as error:
        return error
    return None


def own_addresses() -> list[str]:
    """The IP addresses of this host, without those of a link (``fe80::``), in the order of its interfaces."""
    import psutil

    families = (socket.AF_INET, socket.AF_INET6)
    all_of_them = [one for card in psutil.net_if_addrs().values() for one in card if one.family in families]
    return [one.address for one in all_of_them if "%" not in one.address]


def _split(text: str, found: str, default_port: int | None) -> tuple[str, str]:
    """The host and the text of the port, which is empty when there is none."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not is_ipv6(host) or (rest and not rest.startswith(":")):
            raise _bad_address(found, default_port)
        return host, rest.removeprefix(":")
    if text.count(":") > 1:
        host, _, port = text.rpartition(":")
        if is_ipv6(text) and is_ipv6(host) and port.isdecimal():
            raise _ambiguous_address(found, text, host, port)
        return text, ""
    host, _, port = text.partition(":")
    return host, port


def _is_ip(family: socket.AddressFamily, text: str) -> bool:
    try:
        socket.inet_pton(family, text)
    except (OSError, ValueError):  # ValueError: a NUL character
        return False
    return True


def _bad_address(text: str, default_port: int | None) -> InvalidAddress:
    return InvalidAddress(text, "", allowed_address(default_port))


def allowed_address(default_port: int | None) -> str:
    """What an address may be, in words."""
    if default_port is None:
        return 'one host:port, an IPv6 address in brackets ("10.0.0.1:7000", "[fd00::1]:7000")'
    examples = f'"10.0.0.1:{default_port}", "[fd00::1]:{default_port}"'
    return f"one host or host:port (default port {default_port}), an IPv6 address in brackets ({examples})"


def _ambiguous_address(found: str, text: str, host: str, port: str) -> InvalidAddress:
    allowed = f'"[{host}]:{port}" for port {port} of {host}, or "[{text}]" for the address {text}'
    return InvalidAddress(found, ": it can be read with and without a port", allowed)
