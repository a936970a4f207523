"""Network namespaces of a test's own, joined by a cable that it can cut in both directions or in one.

A namespace lives as long as the process that holds it, and that one ends with this process, however it ends:
nothing is left behind.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from support.needs import skip_for

CLONE_NEWNET = 0x40000000  # sched.h
NOBODY = "02:00:00:00:00:ff"
"""No interface has this address: a frame to it is thrown away by who gets it, and nobody is told."""


class NotPermitted(Exception):
    """This process may not make network namespaces; the message says why."""


class Namespace:
    """A network namespace with a loopback of its own. Raises ``NotPermitted``. Close it after what runs in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        hold = "ip link set lo up && echo ready && exec cat"
        try:
            # The standard input is a pipe of this process: when that is gone, `cat` ends and the namespace with it.
            self._holder = subprocess.Popen(
                ["unshare", "--net", "sh", "-c", hold],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        except OSError as error:
            raise NotPermitted(f"unshare can't be run: {error}") from error
        assert self._holder.stdout is not None
        answer = self._holder.stdout.readline().strip()
        if answer != "ready":
            self.close()
            raise NotPermitted(answer or "unshare ended without a message")
        self._dialler = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"in-{name}", initializer=self._enter)

    @property
    def pid(self) -> int:
        return self._holder.pid

    @property
    def run_in(self) -> tuple[str, ...]:
        """The arguments before a command that is to run here. nsenter becomes the command: its pid is the command's."""
        return ("nsenter", f"--net=/proc/{self.pid}/ns/net", "--")

    def ip(self, *words: str) -> None:
        """Run ``ip`` here."""
        run(*self.run_in, "ip", *words)

    def make_socket(self, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
        """A TCP socket of this namespace, for use by any thread of this process."""
        return self._dialler.submit(socket.socket, family).result(timeout=10)

    def _enter(self) -> None:
        """Move the calling thread, and it alone, into the namespace. (``os.setns`` is there from Python 3.12 on.)"""
        handle = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(handle)

    def close(self) -> None:
        if hasattr(self, "_dialler"):
            self._dialler.shutdown()
        self._holder.communicate(timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class End:
    """One end of a cable: its namespace, the addresses there, and the hardware's address."""

    namespace: Namespace
    address: str
    hardware: str
    address_ipv6: str

    @property
    def device(self) -> str:
        return f"to-{self.namespace.name}"


class Cable:
    """A virtual cable between two namespaces; ``left`` and ``right`` are its ends."""

    def __init__(self, left: Namespace, right: Namespace) -> None:
        self.left = End(left, "10.231.0.1", "02:00:00:00:00:01", "fd00:231::1")
        self.right = End(right, "10.231.0.2", "02:00:00:00:00:02", "fd00:231::2")
        one, other = self.left, self.right
        run(
            *("ip", "link", "add", one.device, "address", one.hardware, "netns", str(left.pid), "type", "veth"),
            *("peer", "name", other.device, "address", other.hardware, "netns", str(right.pid)),
        )
        for end in (one, other):
            end.namespace.ip("address", "add", f"{end.address}/30", "dev", end.device)
            end.namespace.ip("address", "add", f"{end.address_ipv6}/64", "dev", end.device, "nodad")
            end.namespace.ip("link", "set", end.device, "up")
        self.join()

    def lose(self, sender: End) -> None:
        """From now on nothing that ``sender`` sends arrives; it is not told. The other direction works."""
        self._point(sender, NOBODY)

    def cut(self) -> None:
        """From now on nothing arrives in either direction, and nobody is told."""
        self.lose(self.left)
        self.lose(self.right)

    def unplug(self) -> None:
        """Take the link down: whoever sends is told at once that there is no way."""
        self.left.namespace.ip("link", "set", self.left.device, "down")

    def join(self) -> None:
        """Everything arrives again."""
        self.left.namespace.ip("link", "set", self.left.device, "up")
        self._point(self.left, self.right.hardware)
        self._point(self.right, self.left.hardware)

    def _point(self, end: End, hardware: str) -> None:
        """Who answers for the other end's addresses: fixed, so that no ARP mends what is cut."""
        other = self.right if end is self.left else self.left
        for address in (other.address, other.address_ipv6):
            entry = (address, "lladdr", hardware, "dev", end.device, "nud", "permanent")
            end.namespace.ip("neighbour", "replace", *entry)


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode != 0:
        raise NotPermitted(f"{' '.join(command)}: {done.stderr.strip()}")


@contextlib.contextmanager
def cable_or_skip() -> Iterator[Cable]:
    """Two namespaces and the cable between. Where they are not permitted the test is skipped and says why; CI fails."""
    with contextlib.ExitStack() as stack:
        try:
            cable = Cable(*(stack.enter_context(Namespace(name)) for name in ("left", "right")))
        except NotPermitted as error:
            skip_for(f"network namespaces (CAP_SYS_ADMIN, CAP_NET_ADMIN and iproute2): {error}")
        yield cable
