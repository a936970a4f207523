"""Chooses the ports of a dev grid: the former ones, otherwise the defaults, otherwise the next free ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from sutra_grid.cli.dev.layout import AgentPlan, GridPlan
from sutra_grid.core.errors import InvalidArgument, ResourceExhausted
from sutra_grid.core.types import Reason
from sutra_grid.runtime.net import MAX_PORT

MASTER_PORT: Final = 7000
FIRST_AGENT_PORT: Final = 7001
ADMIN_PORT: Final = 7080
FIRST_NODE_PORT: Final = 50051
LEAST_SLOTS: Final = 10

IsFree = Callable[[int], bool]


def slots_of(nodes_per_agent: int) -> int:
    """How many nodes an agent accepts: some more than dev spawns."""
    return max(LEAST_SLOTS, 2 * nodes_per_agent)


def plan_grid(before: GridPlan | None, agents: int | None, nodes_per_agent: int | None, is_free: IsFree) -> GridPlan:
    """The plan of this start. ``before`` is that of the last one; None for a number: as it was, or 3.

    Raises InvalidArgument when fewer agents are asked for than have data, ResourceExhausted when no ports are left.
    """
    old = before or GridPlan()
    count = agents if agents is not None else len(old.agents) or 3
    if count < len(old.agents):
        raise InvalidArgument(
            f"this grid has {len(old.agents)} agents with data, more than {count}",
            reason=Reason.INVALID_ARGUMENT,
            hint=f"Use --agents {len(old.agents)} or more, or another --data-dir",
        )
    nodes = nodes_per_agent if nodes_per_agent is not None else old.nodes_per_agent if before else 3
    chooser = _Chooser(is_free, {old.master_port, old.admin_port, *(agent.port for agent in old.agents)})
    master_port = chooser.port(old.master_port, MASTER_PORT)
    admin_port = chooser.port(old.admin_port, ADMIN_PORT)
    planned = [replace(agent, port=chooser.port(agent.port, FIRST_AGENT_PORT)) for agent in old.agents]
    for number in range(len(planned) + 1, count + 1):
        port = chooser.port(0, FIRST_AGENT_PORT)
        first = chooser.range_start(slots_of(nodes), planned)
        planned.append(AgentPlan(f"agent-{number}", port, first, first + slots_of(nodes) - 1))
    return GridPlan(master_port, admin_port, nodes, tuple(planned))


class _Chooser:
    """Hands out each port once; those of ``former`` only to the part that had it."""

    def __init__(self, is_free: IsFree, former: Iterable[int]) -> None:
        self._is_free = is_free
        self._taken = set(former)

    def port(self, former: int, default: int) -> int:
        """The former port when it is still free, else the first free one from the default upwards."""
        if former and self._is_free(former):
            return former
        for port in range(default, MAX_PORT + 1):
            if port not in self._taken and self._is_free(port):
                self._taken.add(port)
                return port
        raise _exhausted(default)

    def range_start(self, width: int, others: Iterable[AgentPlan]) -> int:
        """The start of ``width`` ports in a row that are free and no other agent's."""
        owned = {port for agent in others for port in range(agent.first_node_port, agent.last_node_port + 1)}
        start = FIRST_NODE_PORT
        while start + width - 1 <= MAX_PORT:
            blocked = [p for p in range(start, start + width) if p in owned or p in self._taken or not self._is_free(p)]
            if not blocked:
                return start
            start = blocked[-1] + 1
        raise _exhausted(FIRST_NODE_PORT)


def _exhausted(start: int) -> ResourceExhausted:
    return ResourceExhausted(
        f"no free port is left above {start}", reason=Reason.NO_PORT_FREE, hint="Stop a program that listens there"
    )
