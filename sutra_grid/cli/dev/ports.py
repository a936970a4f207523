"""Chooses the ports of a dev grid: those that were asked for, else the former ones, else the next free ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from sutra_grid.cli.dev.layout import AgentPlan, GridPlan
from sutra_grid.core.errors import AlreadyExists, FailedPrecondition, InvalidArgument, ResourceExhausted
from sutra_grid.core.types import Reason
from sutra_grid.runtime.net import MAX_PORT

MASTER_PORT: Final = 7000
FIRST_AGENT_PORT: Final = 7001
TOKEN_PORT: Final = 7002
ADMIN_PORT: Final = 7080
FIRST_NODE_PORT: Final = 50051
LEAST_SLOTS: Final = 10

IsFree = Callable[[int], bool]
#: Who holds a port, for messages; None when that can't be seen.
HolderOf = Callable[[int], str | None]


@dataclass(frozen=True, slots=True)
class PortWishes:
    """The ports that a person asked for. 0 and None: dev chooses."""

    master: int = 0
    admin: int = 0
    agents: range | None = None
    nodes: range | None = None
    token: int = 0

    def all(self) -> set[int]:
        """Every port that was asked for."""
        return {*filter(None, (self.master, self.admin, self.token)), *(self.agents or ()), *(self.nodes or ())}


NO_WISHES: Final = PortWishes()


def slots_of(nodes_per_agent: int) -> int:
    """How many nodes an agent accepts: some more than dev spawns."""
    return max(LEAST_SLOTS, 2 * nodes_per_agent)


def plan_grid(
    before: GridPlan | None,
    agents: int | None,
    nodes_per_agent: int | None,
    is_free: IsFree,
    wishes: PortWishes = NO_WISHES,
    holder_of: HolderOf = lambda _port: None,
    with_tls: bool = False,
) -> GridPlan:
    """The plan of this start. ``before`` is that of the last one; None for a number: as it was, or 3.

    The master has a port for tokens ``with_tls`` alone; without it, the former one is kept for later.

    Raises InvalidArgument when fewer agents are asked for than have data, or when wishes contradict each other;
    AlreadyExists for a wished port that is in use; ResourceExhausted when no ports are left; FailedPrecondition for
    another range of ports when there are nodes.
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
    _refuse_overlaps(wishes)
    asked = _Asked(is_free, holder_of)
    former = {old.master_port, old.admin_port, old.token_port, *(agent.port for agent in old.agents)}
    chooser = _Chooser(is_free, former, wishes.all())
    master_port = asked.one("--master-port", wishes.master) or chooser.port(old.master_port, MASTER_PORT)
    admin_port = asked.one("--admin-port", wishes.admin) or chooser.port(old.admin_port, ADMIN_PORT)
    token_port = 0 if old.token_port in wishes.all() else old.token_port
    if with_tls:
        token_port = asked.one("--token-port", wishes.token) or chooser.port(old.token_port, TOKEN_PORT)
    agent_ports = asked.each("--agent-ports", wishes.agents, count)
    ranges = asked.split("--node-ports", wishes.nodes, old.agents, count, nodes)
    planned: list[AgentPlan] = []
    for number in range(1, count + 1):
        agent = old.agents[number - 1] if number <= len(old.agents) else AgentPlan(f"agent-{number}", 0, 0, 0)
        port = next(agent_ports, 0) or chooser.port(agent.port, FIRST_AGENT_PORT)
        own = next(ranges, None)
        first, last = (own[0], own[-1]) if own else (agent.first_node_port, agent.last_node_port)
        if not first:
            first = chooser.range_start(slots_of(nodes), (*old.agents, *planned))
            last = first + slots_of(nodes) - 1
        planned.append(replace(agent, port=port, first_node_port=first, last_node_port=last))
    return GridPlan(master_port, admin_port, nodes, tuple(planned), token_port)


class _Asked:
    """Checks the ports that a person asked for: dev takes them or says who holds them."""

    def __init__(self, is_free: IsFree, holder_of: HolderOf) -> None:
        self._is_free = is_free
        self._holder_of = holder_of

    def one(self, option: str, port: int) -> int:
        """The port; 0 if none was asked for. Raises AlreadyExists."""
        if port and not self._is_free(port):
            raise AlreadyExists(
                f"{option}: port {port} {self._by_whom(port)}",
                reason=Reason.PORT_TAKEN,
                hint=f"Choose another port, or omit {option} to let dev choose",
            )
        return port

    def each(self, option: str, ports: range | None, count: int) -> Iterator[int]:
        """The first ``count`` free ports of the range; none if none was asked for. Raises ResourceExhausted."""
        if ports is None:
            return iter(())
        free = [port for port in ports if self._is_free(port)]
        if len(free) < count:
            raise self._too_few(option, ports, free, f"{count} agents need {count}")
        return iter(free[:count])

    def split(
        self, option: str, ports: range | None, old: tuple[AgentPlan, ...], count: int, nodes: int
    ) -> Iterator[range]:
        """A part of the range for each agent; none if none was asked for. Raises GridError.

        The nodes of a grid that was stopped keep their ports, so their agents keep their parts.
        """
        if ports is None:
            return iter(())
        width = len(ports) // count
        if width < max(1, nodes):
            raise InvalidArgument(
                f"{option}: {len(ports)} ports are too few for {count} agents with {nodes} nodes each",
                reason=Reason.INVALID_ARGUMENT,
                hint=f"Give at least {count * max(1, nodes)} ports, or fewer --agents or --nodes-per-agent",
            )
        parts = [ports[number * width : (number + 1) * width] for number in range(count)]
        for number, part in enumerate(parts):
            agent = old[number] if number < len(old) else None
            if agent is None or not agent.spawned:
                self._check_part(option, part, nodes)
            elif (part[0], part[-1]) != (agent.first_node_port, agent.last_node_port):
                raise FailedPrecondition(
                    f"{option}: the nodes of {agent.agent_id} have ports of "
                    f"{agent.first_node_port}-{agent.last_node_port}, and would get {part[0]}-{part[-1]}",
                    reason=Reason.PORT_OUT_OF_RANGE,
                    hint=f"Omit {option} to keep their ports, or use another --data-dir",
                )
        return iter(parts)

    def _check_part(self, option: str, part: range, nodes: int) -> None:
        free = [port for port in part if self._is_free(port)]
        if len(free) < nodes:
            raise self._too_few(option, part, free, f"an agent with {nodes} nodes needs {nodes}")

    def _too_few(self, option: str, ports: range, free: list[int], needed: str) -> ResourceExhausted:
        taken = next(port for port in ports if port not in free) if len(free) < len(ports) else 0
        why = f"; port {taken} {self._by_whom(taken)}" if taken else ""
        return ResourceExhausted(
            f"{option}: {len(free)} ports of {ports[0]}-{ports[-1]} are free, and {needed}{why}",
            reason=Reason.NO_PORT_FREE,
            hint="Choose another range, or a wider one",
        )

    def _by_whom(self, port: int) -> str:
        holder = self._holder_of(port)
        return f"is in use by {holder}" if holder else "is in use, or this user may not listen there"


class _Chooser:
    """Hands out each port once: those of ``former`` only to the part that had it, and none of ``wished``."""

    def __init__(self, is_free: IsFree, former: set[int], wished: set[int]) -> None:
        self._is_free = is_free
        self._wished = wished
        self._taken = former | wished

    def port(self, former: int, default: int) -> int:
        """The former port when it is still free, else the first free one from the default upwards."""
        if former and former not in self._wished and self._is_free(former):
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


def _refuse_overlaps(wishes: PortWishes) -> None:
    """Raise InvalidArgument for a port that was asked for twice."""
    asked = [
        ("--master-port", range(wishes.master, wishes.master + bool(wishes.master))),
        ("--admin-port", range(wishes.admin, wishes.admin + bool(wishes.admin))),
        ("--token-port", range(wishes.token, wishes.token + bool(wishes.token))),
        ("--agent-ports", wishes.agents or range(0)),
        ("--node-ports", wishes.nodes or range(0)),
    ]
    for at, (option, ports) in enumerate(asked):
        for other, others in asked[at + 1 :]:
            if shared := set(ports) & set(others):
                raise InvalidArgument(
                    f"port {min(shared)} is asked for by {option} and by {other}",
                    reason=Reason.INVALID_ARGUMENT,
                    hint="Give each part its own ports",
                )


def _exhausted(start: int) -> ResourceExhausted:
    return ResourceExhausted(
        f"no free port is left above {start}", reason=Reason.NO_PORT_FREE, hint="Stop a program that listens there"
    )
