"""Where the nodes of this agent listen, and where others reach agent and nodes.

One bind address per agent is used by node, probe, port check and endpoint alike.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sutra_grid.agent.engines import DEFAULT_ENGINE, INSECURE_VARIABLE
from sutra_grid.core.agent.insecure import open_parts
from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import RESTART_TO_LISTEN, Reason
from sutra_grid.runtime.net import (
    ANY_IPV4,
    ANY_IPV6,
    LOOPBACK,
    LOOPBACK_IPV6,
    format_host_port,
    is_loopback,
    is_wildcard,
    listen_error,
    own_addresses,
)

if TYPE_CHECKING:
    from sutra_grid.agent.config import AgentConfig
    from sutra_grid.agent.engines import Engine

#: A program that is not told where to listen may listen at any address.
EVERYWHERE: Final = (ANY_IPV4, ANY_IPV6)


@dataclass(frozen=True, slots=True)
class NodeAddresses:
    """``bind``: the IP address that nodes are told to listen on. ``advertised``: the host of their endpoints."""

    bind: str = LOOPBACK
    advertised: str = LOOPBACK

    def endpoint(self, port: int) -> str:
        """Where others reach a node of that port; empty for port 0."""
        return format_host_port(self.advertised, port) if port else ""

    def to_probe(self, listen_host: str) -> tuple[str, ...]:
        """Where a process that was told ``listen_host`` may answer, the likeliest first.

        Loopback is among them: the program may not obey, or may be of a launch before there was a bind address.
        """
        told = listen_host or self.bind
        first = _loopback(told) if is_wildcard(told) else told
        return tuple(dict.fromkeys((first, _loopback(told), LOOPBACK)))

    def certificate_hosts(self) -> tuple[str, ...]:
        """The names and addresses for which the certificates of nodes are, as certificates have them.

        Loopback is among them only where nodes listen there.
        """
        loopback = (_loopback(self.bind), "localhost") if is_wildcard(self.bind) or is_loopback(self.bind) else ()
        own = () if is_wildcard(self.bind) else (self.bind,)
        named = (_canonical(host) for host in (self.advertised, *own, *loopback) if "%" not in host)
        return tuple(dict.fromkeys(named))

    def to_claim(self, *, is_told: bool) -> tuple[str, ...]:
        """The addresses at which the port of a new launch must be free. The host must have the first one.

        ``is_told``: the program is told to listen on ``bind``.
        """
        return tuple(dict.fromkeys((self.bind, *self.to_probe(self.bind)))) if is_told else EVERYWHERE

    def if_as_told(self, listen_host: str) -> str:
        """What to do if a process answers at ``listen_host``, which it was told, and not at its endpoint."""
        if listen_host != self.bind:
            return f"{RESTART_TO_LISTEN}: it listens at {self.bind} from its next start on"
        return "Correct advertise in [agent] or bind in [storage], so that the first leads to the second"

    def if_elsewhere(self, listen_host: str, engine: Engine | None) -> str:
        """What to do if a process that was told ``listen_host`` answers at another address only."""
        if engine is not None and not engine.is_told_host:
            return f"Add {{host}} to args of [engines.{engine.name}], and restart the node"
        if listen_host != self.bind:
            return self.if_as_told(listen_host)
        return f"Its program does not listen at {self.bind}, which it was told"


def find_addresses(config: AgentConfig) -> NodeAddresses:
    """Resolve the bind address and choose the host of endpoints.

    Raises ``InvalidArgument`` when this host does not have the bind address. Blocks on the name service for a name.
    """
    wanted = config.bind or config.listen[0]
    return NodeAddresses(_own_address(wanted), node_host(config))


def agent_host(config: AgentConfig) -> str:
    """The host at which the master reaches this agent."""
    return config.advertise or _first_reachable([config.listen[0]])


def node_host(config: AgentConfig) -> str:
    """The host of the endpoints of this agent's nodes."""
    return config.advertise or _first_reachable([config.bind, config.listen[0]])


def insecure_parts(config: AgentConfig) -> tuple[str, ...]:
    """What listens without TLS where others reach it: the agent, or the nodes of its default engine."""
    engine = config.engines[DEFAULT_ENGINE]
    is_allowed = INSECURE_VARIABLE in engine.environment
    return open_parts(agent=config.insecure, nodes=is_allowed and not engine.tls and not is_loopback(node_host(config)))


def _first_reachable(hosts: Iterable[str]) -> str:
    return next((host for host in hosts if host and not is_wildcard(host)), "") or socket.gethostname()


def _own_address(host: str) -> str:
    """The IP address of ``host`` if a server of this host can listen there; IPv4 first, as earlier versions did."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except OSError as error:
        problem = f"the name {host} can't be resolved: {error.strerror}"
        raise _refused(host, problem) from error
    addresses = sorted({str(address[0]) for *_, address in found}, key=lambda address: ":" in address)
    faults = [(address, listen_error(0, address)) for address in addresses]
    usable = [address for address, fault in faults if fault is None]
    if not usable:
        why = "; ".join(f"{address}: {fault.strerror}" for address, fault in faults if fault)
        raise _refused(host, f"this host does not have the address ({why})")
    return usable[0]


def _refused(host: str, problem: str) -> InvalidArgument:
    return InvalidArgument(
        f"nodes can't listen on {host}: {problem}",
        reason=Reason.ADDRESS_MISSING,
        hint="Correct bind in [storage] (unset, it is the host of listen in [agent]). "
        f"This host has {', '.join(own_addresses())}",
    )


def _canonical(host: str) -> str:
    """One spelling of a name or an address."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.rstrip(".").lower()


def _loopback(host: str) -> str:
    return LOOPBACK_IPV6 if ":" in host else LOOPBACK
