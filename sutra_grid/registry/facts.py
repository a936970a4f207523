"""The facts that a node's status depends on (``core.status.Facts``) as one number, for SQL to count and find by.

No rule stands here: which numbers mean which status is asked of the core, for every
combination, once. The number is a sum of parts, so that a statement can write it that
knows only a report, or only what is desired; parts are stored, so none is ever given anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, case, false, or_, true

from sutra_grid.core.status import ALL_FACTS, Facts, status_of
from sutra_grid.core.types import AgentStatus, Desired, Health, NodeReport, NodeState, NodeStatus
from sutra_grid.registry.codec import storable
from sutra_grid.registry.statements import AGENTS, NODES

Judge = Callable[[Facts, AgentStatus | None], bool]

DESIRED: Final = {Desired.RUNNING: 0, Desired.STOPPED: 100, Desired.ABSENT: 200}
UNCONFIRMED: Final = 1000
_STATES: Final = {
    None: 0,
    NodeState.STARTING: 10,
    NodeState.RUNNING: 20,
    NodeState.STOPPING: 30,
    NodeState.STOPPED: 40,
    NodeState.FAILED: 50,
}
_PROCESS: Final = 1
_UNHEALTHY: Final = 2


def _observed(state: NodeState | None, has_process: bool, is_unhealthy: bool) -> int:
    return _STATES[state] + _PROCESS * has_process + _UNHEALTHY * is_unhealthy


def number_of(facts: Facts) -> int:
    """The number that stands for ``facts``."""
    observed = _observed(facts.state, facts.has_process, facts.is_unhealthy)
    return observed + DESIRED[facts.desired] + (0 if facts.is_confirmed else UNCONFIRMED)


FACTS: Final[Mapping[int, Facts]] = {number_of(facts): facts for facts in ALL_FACTS}


def report_parameters(report: NodeReport) -> dict[str, Any]:
    """What ``AS_REPORTED`` reads of a report."""
    observed = _observed(report.state, bool(report.pid), report.health is Health.UNHEALTHY)
    return {"observed_facts": observed, "facts_generation": storable(report.generation)}


#: The new number of a node's row when a report is written to it.
AS_REPORTED: Final[ColumnElement[int]] = (
    bindparam("observed_facts", type_=NODES.c.facts.type)
    + case(*((NODES.c.desired == desired.value, part) for desired, part in DESIRED.items()), else_=0)
    + case((NODES.c.generation > bindparam("facts_generation", type_=NODES.c.generation.type), UNCONFIRMED), else_=0)
)


@cache
def having_status(status: NodeStatus) -> ColumnElement[bool]:
    """Condition on a node's row joined with its agent's: this status is shown of it."""
    return condition(lambda facts, agent_status: status_of(facts, agent_status) is status)


def condition(judge: Judge) -> ColumnElement[bool]:
    """Condition on a node's row joined with its agent's: what ``judge`` says of its facts.

    Every node has an agent: a foreign key holds it.
    """
    alike: dict[tuple[int, ...], list[AgentStatus]] = {}
    for agent_status in AgentStatus:
        alike.setdefault(numbers_where(judge, agent_status), []).append(agent_status)
    return or_(false(), *(_of_agents(statuses) & numbered(numbers) for numbers, statuses in alike.items() if numbers))


def numbers_where(judge: Judge, agent_status: AgentStatus) -> tuple[int, ...]:
    """The numbers of the facts that ``judge`` says yes to, with an agent of that status."""
    return tuple(number for number, facts in FACTS.items() if judge(facts, agent_status))


def numbered(numbers: Iterable[int]) -> ColumnElement[bool]:
    """Condition on a node's row: its facts have one of these numbers."""
    chosen = sorted(numbers)
    return NODES.c.facts.in_(chosen) if len(chosen) < len(FACTS) else true()


def _of_agents(statuses: Iterable[AgentStatus]) -> ColumnElement[bool]:
    return AGENTS.c.status.in_([status.value for status in statuses])
