"""The ports that the kernel gives to outgoing connections of this network namespace, and those kept out of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SYSCTL: Final = Path("/proc/sys/net/ipv4")  # for IPv6 too
RESERVED_KEY: Final = "net.ipv4.ip_local_reserved_ports"


@dataclass(frozen=True, slots=True)
class OutgoingPorts:
    """``given``: ``net.ipv4.ip_local_port_range``. ``reserved``: ``net.ipv4.ip_local_reserved_ports``."""

    given: range = range(0)
    reserved: tuple[range, ...] = ()

    def within(self, ports: range) -> list[range]:
        """Those of ``ports`` that an outgoing connection may get, as ranges."""
        return _ranges(port for port in ports if port in self.given and not any(port in one for one in self.reserved))

    def with_reserved(self, ports: Iterable[range]) -> str:
        """The value of ``RESERVED_KEY`` that reserves ``ports`` beside what is reserved now."""
        return shown(_ranges(sorted({port for one in (*self.reserved, *ports) for port in one})))


def read_outgoing_ports(sysctl: Path = _SYSCTL) -> OutgoingPorts:
    """As this process's network namespace has it; no ports where the kernel does not say it."""
    try:
        first, last = (sysctl / "ip_local_port_range").read_text(encoding="ascii").split()
        given = range(int(first), int(last) + 1)
        reserved = _parse((sysctl / "ip_local_reserved_ports").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return OutgoingPorts()
    return OutgoingPorts(given, reserved)


def shown(ports: Iterable[range]) -> str:
    """``50051-50060,50070``, as the kernel writes lists of ports."""
    return ",".join(f"{one.start}-{one.stop - 1}" if len(one) > 1 else str(one.start) for one in ports)


def _parse(text: str) -> tuple[range, ...]:
    parts = [part.partition("-") for part in text.strip().split(",") if part]
    return tuple(range(int(first), int(last or first) + 1) for first, _, last in parts)


def _ranges(ports: Iterable[int]) -> list[range]:
    """Ascending ports as ranges."""
    found: list[range] = []
    for port in ports:
        if found and port == found[-1].stop:
            found[-1] = range(found[-1].start, port + 1)
        else:
            found.append(range(port, port + 1))
    return found
