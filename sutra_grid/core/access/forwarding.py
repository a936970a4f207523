"""How many reverse proxies stand between a peer and its client, and which of what they forwarded is believed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_WITH_PORT: Final = re.compile(r"(?:\[([^\]]+)\]|([^:\]]+))(?::\d{1,5})?")
_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")

SCHEMES: Final = frozenset({"http", "https"})
MAX_PREFIX: Final = 200
"""Characters of a prefix: it stands in every link of a page."""

PREFIX_ALLOWED: Final = (
    'a path such as "/grid": begins with a slash, ends without one, and has letters, digits and . _ ~ -'
)


def network_of(text: str) -> Network:
    """The network that ``text`` names: ``10.0.0.0/8``, or an address alone. Raises ``ValueError``."""
    return ip_network(text)


def address_of(text: str) -> Address | None:
    """The address in a value of X-Forwarded-For, which may have brackets and a port; None when it is none.

    An IPv4 address that is written as an IPv6 one is given as IPv4.
    """
    found = _WITH_PORT.fullmatch(text)
    try:
        address = ip_address((found[1] or found[2]) if found else text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def trusted_hops(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> int:
    """How many values of X-Forwarded-For, from the right, trusted proxies have written; 0 when ``peer`` is not one.

    Each proxy appends the address of its own peer. So the right-most value is believed when the peer is trusted, and
    one more as long as the value right of it is the address of a trusted proxy too.
    """
    if not _is_trusted(address_of(peer), trusted):
        return 0
    values = [address_of(text) for text in reversed(forwarded_for)]
    hops = 1
    while hops < len(values) and values[hops] is not None and _is_trusted(values[hops - 1], trusted):
        hops += 1
    return hops


def outermost(values: Sequence[str], hops: int) -> str:
    """The value that the outermost trusted proxy has set; empty without one. An inner one may have passed it on."""
    return values[-min(hops, len(values))] if values and hops else ""


def is_prefix(text: str) -> bool:
    """Whether ``text`` is a path that links may begin with: it can't name another host or leave its directory."""
    return len(text) <= MAX_PREFIX and bool(_PREFIX.fullmatch(text))


def without_prefix(path: str, prefix: str) -> str:
    """``path`` without the prefix that it begins with; unchanged when it does not, as where a proxy has removed it."""
    if prefix and (path == prefix or path.startswith(f"{prefix}/")):
        return path[len(prefix) :]
    return path


def _is_trusted(address: Address | None, trusted: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in trusted)
