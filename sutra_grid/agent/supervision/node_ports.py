"""The ports of an agent's nodes: within the range, one node each, and free before a launch.

A program that listens on a port has it until somebody stops it. A connection that has it, often an outgoing one that
got it from the kernel, ends by itself: a node that waits for it is never given up.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping

from sutra_grid.agent.addresses import NodeAddresses
from sutra_grid.agent.engines import Engine
from sutra_grid.agent.os_errors import from_os_error
from sutra_grid.core.errors import AlreadyExists, GridError, InvalidArgument, ResourceExhausted, Unavailable
from sutra_grid.core.types import NodeSpec, Reason
from sutra_grid.runtime.listening import SHOW_PORT, bind_fault
from sutra_grid.runtime.net import listen_error
from sutra_grid.runtime.port_use import port_user, port_uses
from sutra_grid.runtime.shortage import shortage_of

_NAMED_FAULTS = 3


class PortHasConnection(AlreadyExists):
    """No program listens on the port, and nothing can listen there now: it becomes free by itself."""


class NodePorts:
    """Checks ports of ``ports`` at the addresses where nodes listen."""

    def __init__(self, ports: range, addresses: NodeAddresses) -> None:
        self._ports = ports
        self._addresses = addresses

    def check_asked(self, port: int, others: Mapping[str, NodeSpec]) -> int:
        """The port that a caller asks for. Raises ``GridError`` when it is out of range or another node's."""
        if port not in self._ports:
            raise InvalidArgument(
                f"port {port} is outside the agent's port range {self._shown}",
                reason=Reason.PORT_OUT_OF_RANGE,
                hint="Choose a port of the range, or omit it to let the agent pick one",
            )
        for other, spec in others.items():
            if spec.port == port:
                raise AlreadyExists(
                    f"port {port} belongs to node {other}, which keeps it also while it is stopped",
                    reason=Reason.PORT_TAKEN,
                    hint="Choose another port, or omit it to let the agent pick one",
                )
        return port

    def pick(self, engine: Engine, others: Mapping[str, NodeSpec]) -> int:
        """A port that no other node has and that is free now. Raises ``ResourceExhausted`` when there is none."""
        taken = {spec.port for spec in others.values()}
        faults: list[str] = []
        for port in self._ports:
            if port in taken:
                continue
            fault = self._fault(engine, port)
            if fault is None:
                return port
            faults.append(_described(port, *fault) if len(faults) < _NAMED_FAULTS else "")
        raise ResourceExhausted(
            f"no port of the agent's port range {self._shown} is free: {self._why_none(taken, faults)}",
            reason=Reason.NO_PORT_FREE,
            hint="Widen default_port_range in the agent's configuration, or stop programs that use its ports",
        )

    def check_address(self, engine: Engine) -> None:
        """Raise ``Unavailable`` when this host does not have the address where a node of ``engine`` would listen."""
        found = self._fault(engine, 0)
        if found is not None and found[1].errno == errno.EADDRNOTAVAIL:
            raise _address_missing(found[0])

    def check_free(self, engine: Engine, port: int) -> None:
        """Raise ``GridError`` when a node of ``engine`` could not listen on the port now; it names who uses it."""
        found = self._fault(engine, port)
        if found is None:
            return
        host, error = found
        if error.errno == errno.EADDRNOTAVAIL:
            raise _address_missing(host)
        if error.errno != errno.EADDRINUSE:
            raise bind_fault(error, host, port) from error
        uses = port_uses(port, host)
        if uses and uses[0].is_listener:
            raise AlreadyExists(
                f"port {port} is in use by {uses[0].description()}",
                reason=Reason.PORT_TAKEN,
                hint="Stop that process, or give the node another port",
            )
        raise PortHasConnection(
            f"port {port} is in use by {port_user(port, host)}",
            reason=Reason.PORT_TAKEN,
            hint="Wait until it is closed, or give the node another port. This shows it on the agent's host: "
            f"{SHOW_PORT.format(port=port)}",
        )

    def connection_on(self, engine: Engine, port: int) -> str:
        """The words of ``PortHasConnection`` if ``check_free`` raises it now; else empty."""
        try:
            self.check_free(engine, port)
        except GridError as error:
            return error.message if isinstance(error, PortHasConnection) else ""
        return ""

    def _fault(self, engine: Engine, port: int) -> tuple[str, OSError] | None:
        return listen_fault(port, self._addresses.to_claim(is_told=engine.is_told_host))

    def _why_none(self, taken: set[int], faults: list[str]) -> str:
        parts = []
        if count := sum(port in taken for port in self._ports):
            parts.append(f"{count} {'belongs' if count == 1 else 'belong'} to nodes of this agent, stopped ones too")
        parts += faults[:_NAMED_FAULTS]
        if (more := len(faults) - _NAMED_FAULTS) > 0:
            parts.append(f"no server can listen on {more} more now")
        return "; ".join(parts)

    @property
    def _shown(self) -> str:
        return f"{self._ports.start}-{self._ports.stop - 1}"


def _address_missing(host: str) -> Unavailable:
    return Unavailable(
        f"the node can't listen on {host}: this host does not have the address",
        reason=Reason.ADDRESS_MISSING,
        hint="Bring the address up, or correct bind in [storage] of the agent's configuration",
    )


def _described(port: int, host: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{port} is in use by {port_user(port, host)}"
    return f"{port}: {bind_fault(error, host, port).message}"


def listen_fault(port: int, hosts: Iterable[str]) -> tuple[str, OSError] | None:
    """The first address at which no server can listen on the port now, and why; None if one can at all of them.

    After the first one, addresses that the host does not have are left out: it may have no IPv6. Raises
    ``ResourceExhausted`` in a shortage: without a descriptor every port would look as if it were in use.
    """
    for number, host in enumerate(hosts):
        error = listen_error(port, host)
        if error is not None and shortage_of(error):
            raise from_os_error(f"port {port} can't be checked", error, Reason.NO_PORT_FREE) from error
        if error is not None and (number == 0 or error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)):
            return host, error
    return None
