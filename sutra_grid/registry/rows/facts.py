"""The facts that a node's status depends on (``core.status.Facts``) as one number, so that SQL can count and filter.

The rules are in ``core.status``, which decides what a number means. The number is a sum of parts, so
that a statement can write it from a report alone. Numbers are stored: a part never changes its meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, case, false, func, literal, or_, select, true

from sutra_grid.core.status import ALL_FACTS, Facts, status_of
from sutra_grid.core.types import AgentStatus, Desired, Health, NodeReport, NodeState, NodeStatus
from sutra_grid.registry.rows.codec import storable
from sutra_grid.registry.rows.statements import AGENTS, NODES

Judge = Callable[[Facts, AgentStatus | None], bool]

_PROCESS: Final = 1
_UNHEALTHY: Final = 2
_UNSTABLE: Final = 4
_STATES: Final = {
    None: 0,
    NodeState.STARTING: 10,
    NodeState.RUNNING: 20,
    NodeState.STOPPING: 30,
    NodeState.STOPPED: 40,
    NodeState.FAILED: 50,
}
_UNCONFIRMED: Final = 100
_DESIRED: Final = {Desired.RUNNING: 0, Desired.STOPPED: 1000, Desired.ABSENT: 2000}

#: Condition on a node's row: it occupies a slot of its agent. A range, so that an index can count them.
TAKES_A_SLOT: Final[ColumnElement[bool]] = NODES.c.facts < _DESIRED[Desired.ABSENT]

#: The number for a node's row when a report is written to it; see ``report_parameters``.
AS_REPORTED: Final[ColumnElement[int]] = (
    bindparam("observed_facts", type_=NODES.c.facts.type)
    + case(*((NODES.c.desired == desired.value, part) for desired, part in _DESIRED.items()), else_=0)
    + case((NODES.c.generation > bindparam("facts_generation", type_=NODES.c.generation.type), _UNCONFIRMED), else_=0)
)


def report_parameters(report: NodeReport) -> dict[str, Any]:
    """The parameters of ``AS_REPORTED`` for a report."""
    observed = _observed(report.state, bool(report.pid), report.health is Health.UNHEALTHY, report.unstable)
    return {"observed_facts": observed, "facts_generation": storable(report.generation)}


def number_of(facts: Facts) -> int:
    """The number of ``facts``."""
    observed = _observed(facts.state, facts.has_process, facts.is_unhealthy, facts.is_unstable)
    return observed + _DESIRED[facts.desired] + (0 if facts.is_confirmed else _UNCONFIRMED)


def _observed(state: NodeState | None, has_process: bool, is_unhealthy: bool, is_unstable: bool) -> int:
    return _STATES[state] + _PROCESS * has_process + _UNHEALTHY * is_unhealthy + _UNSTABLE * is_unstable


FACTS: Final[Mapping[int, Facts]] = {number_of(facts): facts for facts in ALL_FACTS}


def numbers_in_use(connection: Connection) -> list[int]:
    """The numbers that nodes have, usually a dozen at most: found by skipping through the index."""
    return list(connection.execute(_IN_USE).scalars())


def _hops() -> Any:
    first = select(func.min(NODES.c.facts).label("number")).cte("hops", recursive=True)
    following = select(func.min(NODES.c.facts)).where(NODES.c.facts > first.c.number).scalar_subquery()
    hops = first.union_all(select(following).where(first.c.number.is_not(None)))
    return select(hops.c.number).where(hops.c.number.is_not(None))


_IN_USE: Final = _hops()


def judged(judge: Judge, numbers: Collection[int], facts: ColumnElement[int] = NODES.c.facts) -> ColumnElement[bool]:
    """Condition on a node's row: whether ``judge`` is true for it. ``numbers`` are those in use.

    It lists each number and does not join agents, so planners choose the narrow index of nodes,
    unless ``facts`` is an expression of the column.
    """
    ways = _by_agents(lambda status: tuple(number for number in numbers if judge(FACTS[number], status)))
    return or_(false(), *(of_agents & facts.in_(yes) for of_agents, yes in ways if yes))


def rank(order: Sequence[NodeStatus], numbers: Collection[int]) -> ColumnElement[int]:
    """The position of a row's displayed status in ``order``."""

    def ranks(agent_status: AgentStatus) -> tuple[tuple[int, int], ...]:
        return tuple((number, order.index(status_of(FACTS[number], agent_status))) for number in numbers)

    return case(*((of_agents, _rank_of(found)) for of_agents, found in _by_agents(ranks)), else_=len(order))


def _rank_of(ranks: Iterable[tuple[int, int]]) -> ColumnElement[int]:
    by_number = dict(ranks)
    if len(set(by_number.values())) <= 1:
        return literal(next(iter(by_number.values()), 0))
    return case(by_number, value=NODES.c.facts, else_=-1)


def _by_agents(found: Callable[[AgentStatus], Any]) -> list[tuple[ColumnElement[bool], Any]]:
    """The result for each agent's status; statuses with the same result are grouped."""
    alike: dict[Any, list[AgentStatus]] = {}
    for agent_status in AgentStatus:
        alike.setdefault(found(agent_status), []).append(agent_status)
    return [(_has_agent(statuses), of_them) for of_them, statuses in alike.items()]


def _has_agent(statuses: Collection[AgentStatus]) -> ColumnElement[bool]:
    """Condition on a node's row: its agent has one of ``statuses``. A foreign key ensures that it has an agent."""
    others = set(AgentStatus) - set(statuses)
    if not others:
        return true()
    if len(statuses) <= len(others):
        return NODES.c.agent_id.in_(_agents_of(statuses))
    return NODES.c.agent_id.not_in(_agents_of(others))


def _agents_of(statuses: Iterable[AgentStatus]) -> Any:
    return select(AGENTS.c.agent_id).where(AGENTS.c.status.in_(sorted(status.value for status in statuses)))
