"""Who uses a TCP port of this host: listeners and connections, as ``/proc/net/tcp`` lists them.

A connection of any program, also an outgoing one, keeps others from listening at its local address. A socket that is
bound and neither listens nor is connected is not listed by the kernel. For messages: a look takes some milliseconds.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sutra_grid.runtime.net import ANY_IPV6, format_host_port, is_wildcard

_PROC: Final = Path("/proc")
_TABLES: Final = ("net/tcp", "net/tcp6")
_LISTEN: Final = "LISTEN"
#: The kernel's numbers of TCP states (``enum`` in ``net/tcp_states.h``).
_STATES: Final = {
    1: "ESTABLISHED",
    2: "SYN_SENT",
    3: "SYN_RECV",
    4: "FIN_WAIT1",
    5: "FIN_WAIT2",
    6: "TIME_WAIT",
    7: "CLOSE",
    8: "CLOSE_WAIT",
    9: "LAST_ACK",
    10: _LISTEN,
    11: "CLOSING",
    12: "NEW_SYN_RECV",
}
_MAPPED: Final = b"\0" * 10 + b"\xff\xff"  # an IPv4 address in an IPv6 socket
HIDDEN: Final = "a process whose pid this user can't see"


@dataclass(frozen=True, slots=True)
class PortUse:
    """One TCP socket with that local port. ``inode``: 0 when no process has it open. ``pid``: None if it is hidden."""

    local: str
    remote: str
    remote_port: int
    state: str
    inode: int
    pid: int | None = None

    @property
    def is_listener(self) -> bool:
        """Whether it listens; else it is a connection."""
        return self.state == _LISTEN

    @property
    def owner(self) -> str:
        """Its process, as ``pid 123 (redis-server)``."""
        return HIDDEN if self.pid is None else f"pid {self.pid} ({_name(self.pid)})"

    def description(self) -> str:
        """What a message says about it, after "in use by"."""
        if self.is_listener:
            return self.owner
        to = format_host_port(self.remote, self.remote_port)
        if self.state == "TIME_WAIT":
            return f"a closed connection to {to}, which the kernel keeps for a minute (TIME_WAIT)"
        if self.inode == 0:
            return f"a connection to {to} that no process has open any more ({self.state})"
        return f"a connection of {self.owner} to {to}"


def port_uses(port: int, host: str = "", proc: Path = _PROC) -> list[PortUse]:
    """The TCP sockets with that local port, listeners first, then those of live processes.

    ``host``: only those in the way of a server at this IP address; empty: all. Only root sees the pids of all
    processes. A table that can't be read is left out.
    """
    found = [use for table in _TABLES for use in _read(proc / "self" / table, port)]
    found = [use for use in found if not host or is_in_the_way(use.local, host)]
    pids = _owners({use.inode for use in found if use.inode}, proc)
    uses = [replace(use, pid=pids.get(use.inode)) for use in found]
    return sorted(uses, key=lambda use: (not use.is_listener, use.inode == 0, use.pid is None))


def port_user(port: int, host: str = "") -> str:
    """Who uses the port, for a message after "in use by"; says so when nobody was found. See ``port_uses``."""
    uses = port_uses(port, host)
    if not uses:
        return (
            "a socket that neither listens nor is connected (its process can't be found here; "
            "`ss -B` of Linux 6.8 and later shows such sockets)"
        )
    return uses[0].description() + ("" if uses[0].is_listener else "; no program listens on it")


def port_holder(port: int, host: str = "") -> str | None:
    """The process that listens on the port, as ``pid 123 (redis-server)``; None when there is none."""
    return next((use.owner for use in port_uses(port, host) if use.is_listener), None)


def port_holders(port: int) -> list[int]:
    """The pids that listen on the port, as far as this user can see them."""
    return [use.pid for use in port_uses(port) if use.is_listener and use.pid is not None]


def is_in_the_way(local: str, host: str) -> bool:
    """Whether a socket at the IP address ``local`` may keep a server from listening at the IP address ``host``.

    ``::`` may stand for all IPv4 addresses too.
    """
    if local == host or ANY_IPV6 in (local, host):
        return True
    return (":" in local) == (":" in host) and (is_wildcard(local) or is_wildcard(host))


def _read(table: Path, port: int) -> Iterator[PortUse]:
    wanted = f":{port:04X}"
    try:
        with table.open(encoding="ascii") as lines:
            next(lines, "")  # the heads of the columns
            for line in lines:
                if wanted not in line:
                    continue
                fields = line.split()
                if fields[1].endswith(wanted):
                    remote, _, remote_port = fields[2].rpartition(":")
                    state = _STATES.get(int(fields[3], 16), f"state {fields[3]}")
                    yield PortUse(
                        _address(fields[1].rpartition(":")[0]),
                        _address(remote),
                        int(remote_port, 16),
                        state,
                        int(fields[9]),
                    )
    except OSError:
        return  # a host without IPv6, or without this file


def _address(text: str) -> str:
    """An address of the tables: words of 32 bits, each in the byte order of this host."""
    data = b"".join(struct.pack("=I", int(text[at : at + 8], 16)) for at in range(0, len(text), 8))
    if len(data) == 4:
        return socket.inet_ntop(socket.AF_INET, data)
    if data.startswith(_MAPPED):
        return socket.inet_ntop(socket.AF_INET, data[len(_MAPPED) :])
    return socket.inet_ntop(socket.AF_INET6, data)


def _owners(inodes: Iterable[int], proc: Path) -> dict[int, int]:
    """The process that has each socket open, as far as this user may look."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    owners: dict[int, int] = {}
    if not wanted:
        return owners
    for pid in _pids(proc):
        try:
            for fd in os.scandir(proc / str(pid) / "fd"):
                inode = wanted.get(os.readlink(fd.path))
                if inode is not None:
                    owners.setdefault(inode, pid)
        except OSError:
            continue  # it has ended, or belongs to another user
        if len(owners) == len(wanted):
            break
    return owners


def _pids(proc: Path) -> list[int]:
    try:
        return [int(name) for name in os.listdir(proc) if name.isdecimal()]
    except OSError:
        return []


def _name(pid: int) -> str:
    import psutil

    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "ended since"
