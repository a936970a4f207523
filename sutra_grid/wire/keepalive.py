"""How long a half-open connection is kept: the pings of client channels, and which pings servers accept.

A connection is half-open when its peer vanished without closing it: a host that lost power, a firewall that forgot the
connection. Beside the pings, a call that got no answer before its deadline leaves the channel (``wire.connection``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Keepalive:
    """How soon a peer that vanished is noticed: ``time_seconds`` between pings, ``timeout_seconds`` for an answer."""

    time_seconds: float
    timeout_seconds: float


SPARSE_KEEPALIVE: Final = Keepalive(30, 10)
"""For the many connections between master and agents, whose calls have short deadlines."""

PING_FLOOR_SECONDS: Final = 5
"""Clients may ping this often, with and without calls, as with etcd; who pings more often is cut off."""

PING_FLOOR_TOLERANCE_SECONDS: Final = 1
"""By how much two pings may arrive closer together than they were sent."""

DENSE_KEEPALIVE: Final = Keepalive(PING_FLOOR_SECONDS, 3)
"""For the few connections whose calls may take minutes: a half-open one fails within 8 s."""
