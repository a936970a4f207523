"""Free ports on loopback."""

import itertools
import os
import socket

# Below the kernel's range for outgoing connections (32768 and up), so that no client socket takes one of them
# between the choice and the use.
FIRST_PORT = 12_000
LAST_PORT = 32_000
UNIT_PORTS = 4


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class PortBlock:
    """A run of ports that no other test of this machine is given while this block is open.

    The claims are abstract Unix sockets, one for each ``UNIT_PORTS``, so that blocks of different sizes don't overlap:
    exclusive among all processes, and released by the kernel when their owner ends, however it ends.
    """

    def __init__(self, size: int = 64) -> None:
        self.size = size
        self._claims: list[socket.socket] = []
        self.first = self._take()

    def _take(self) -> int:
        units = (LAST_PORT - FIRST_PORT) // UNIT_PORTS
        needed = -(-self.size // UNIT_PORTS)
        start = os.getpid() * needed % units
        for unit in itertools.islice(itertools.cycle(range(units)), start, start + units):
            first = FIRST_PORT + unit * UNIT_PORTS
            if unit + needed > units or not self._claim(range(unit, unit + needed)):
                continue
            if all(is_free(port) for port in range(first, first + self.size)):
                return first
            self.close()
        raise RuntimeError(f"no {self.size} free ports in a row between {FIRST_PORT} and {LAST_PORT}")

    def _claim(self, units: range) -> bool:
        for unit in units:
            claim = socket.socket(socket.AF_UNIX)
            self._claims.append(claim)
            try:
                claim.bind(f"\0sutra-grid-test-ports-{unit}")
            except OSError:
                self.close()
                return False
        return True

    def __getitem__(self, offset: int) -> int:
        if not 0 <= offset < self.size:
            raise IndexError(f"port {offset} of a block of {self.size}")
        return self.first + offset

    def close(self) -> None:
        while self._claims:
            self._claims.pop().close()


def is_free(port: int) -> bool:
    """Whether a server could listen on the port of loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
