"""How many failures an address may cause before its next attempt must wait. Bounded memory."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from typing import Final

BURST: Final = 10
"""Failures in a row that cost nothing: a person who copies the wrong text, a host that is set up twice."""
SECONDS_EACH: Final = 6.0
MAX_ADDRESSES: Final = 4096
"""Each takes about 200 bytes. The address that failed longest ago is forgotten first."""


class AttemptLimit:
    """Counts failures by address. Not thread-safe. Times are monotonic seconds.

    Each failure is forgotten after ``SECONDS_EACH``, one after the other; an address with ``BURST`` of them waits.
    """

    def __init__(
        self, burst: int = BURST, seconds_each: float = SECONDS_EACH, max_addresses: int = MAX_ADDRESSES
    ) -> None:
        self._burst = burst
        self._seconds_each = seconds_each
        self._max_addresses = max_addresses
        self._clear_at: OrderedDict[str, float] = OrderedDict()  # when the last failure is forgotten, by address

    def __len__(self) -> int:
        return len(self._clear_at)

    def wait_seconds(self, address: str, now: float) -> float:
        """Seconds until the address may try again; 0 when it may now."""
        left = self._clear_at.get(source_of(address), now) - now
        return max(0.0, left - (self._burst - 1) * self._seconds_each)

    def failed(self, address: str, now: float) -> None:
        """Count a failure."""
        source = source_of(address)
        clear_at = max(now, self._clear_at.pop(source, now)) + self._seconds_each
        self._clear_at[source] = clear_at
        while len(self._clear_at) > self._max_addresses:
            self._clear_at.popitem(last=False)


def source_of(address: str) -> str:
    """Who is counted together: an IPv4 address, and the /64 of an IPv6 one, which one host has as a whole."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.IPv6Network((parsed, 64), strict=False))
    return str(parsed)
