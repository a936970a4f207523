"""The network between the master and one agent: two fault proxies that together lose what one side sends.

The agent calls the master, and the master the agent: a network that loses what one of them sends loses its
requests on the one connection and its answers on the other.
"""

from __future__ import annotations

import contextlib

from support.faults.fault_proxy import Direction, Fault, FaultProxy

LOOPBACK = "127.0.0.1"
LINK_HOST = "127.0.0.2"
"""Also loopback: the proxies listen there on the ports that master and agent have at 127.0.0.1."""


class Link:
    """Opened before the daemons start, closed after they ended."""

    def __init__(self, master_port: int, link_port: int, agent_port: int) -> None:
        self._to_master = FaultProxy((LOOPBACK, master_port), host=LINK_HOST, port=link_port)
        self._to_agent = FaultProxy((LOOPBACK, agent_port), host=LINK_HOST, port=agent_port)
        self._open = contextlib.ExitStack()

    @property
    def master_address(self) -> str:
        """Where the agent finds the master."""
        return self._to_master.address

    def open(self) -> None:
        for proxy in (self._to_master, self._to_agent):
            self._open.enter_context(proxy)

    def close(self) -> None:
        self._open.close()

    def cut(self) -> None:
        """From now on nothing arrives in either direction, and nobody is told."""
        self._lose(frozenset(Direction), frozenset(Direction))

    def lose_what_the_agent_sends(self) -> None:
        self._lose(frozenset({Direction.TO_TARGET}), frozenset({Direction.FROM_TARGET}))

    def lose_what_the_master_sends(self) -> None:
        self._lose(frozenset({Direction.FROM_TARGET}), frozenset({Direction.TO_TARGET}))

    def join(self) -> None:
        """Everything arrives again, what was on its way included."""
        self._to_master.heal()
        self._to_agent.heal()

    def _lose(self, of_agents_calls: frozenset[Direction], of_masters_calls: frozenset[Direction]) -> None:
        self._to_master.set(Fault(directions=of_agents_calls, pass_bytes=0))
        self._to_agent.set(Fault(directions=of_masters_calls, pass_bytes=0))
