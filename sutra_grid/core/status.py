"""The status that is shown of each node and of the whole grid, with reason and message.

Pure. The master applies it to its memory, the admin to the registry's rows. A status depends on a few facts
(``Facts``), so that nodes can be counted and found by status without reading each, by this one rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import NamedTuple

from sutra_grid.core.age import duration, utc_time
from sutra_grid.core.outcome import CRASHES, WHY_STOPPED, describe_exit
from sutra_grid.core.time_left import seen_at
from sutra_grid.core.types import (
    Agent,
    AgentStatus,
    ClusterHealth,
    ClusterSummary,
    Desired,
    Health,
    Node,
    NodeReport,
    NodeState,
    NodeStatus,
    Reason,
)

SHOWN_REASONS = 10


class Facts(NamedTuple):
    """Everything about a node that its status depends on, except its agent's status.

    ``state`` is None for a node that was never reported; ``is_confirmed``: the report is of
    the generation that is desired, or of a newer one.
    """

    desired: Desired
    state: NodeState | None
    is_confirmed: bool
    has_process: bool
    is_unhealthy: bool
    is_unstable: bool


#: Every possible combination: only a report can confirm a generation, and have a process or a probe.
ALL_FACTS: tuple[Facts, ...] = (
    *(Facts(desired, None, False, False, False, False) for desired in Desired),
    *(Facts(*parts) for parts in product(Desired, NodeState, *((False, True),) * 4)),
)


@dataclass(frozen=True, slots=True)
class ShownStatus:
    """A node's status for people, with its reason and a message. ``since_ms``: when it began; 0: not known."""

    status: NodeStatus
    reason: Reason = Reason.NONE
    message: str = ""
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """Agents counted by status, and nodes by their facts and their agent's status."""

    agents: Mapping[AgentStatus, int]
    nodes: Mapping[tuple[Facts, AgentStatus | None], int]


@dataclass(frozen=True, slots=True)
class AgentTrouble:
    """An agent that is not healthy, and how many nodes that should run are unknown because of it."""

    agent: Agent
    lost_nodes: int


@dataclass(frozen=True, slots=True)
class NodeTrouble:
    """A node that ``is_troubled``, with the status of its agent, at ``now_ms``; 0: when it was reported."""

    node: Node
    agent_status: AgentStatus | None
    now_ms: int = 0


def facts_of(node: Node) -> Facts:
    """What the status of ``node`` depends on."""
    report = node.report
    if report is None:
        return Facts(node.desired, None, False, False, False, False)
    return Facts(
        node.desired,
        report.state,
        report.generation >= node.generation,
        bool(report.pid),
        report.health is Health.UNHEALTHY,
        report.unstable,
    )


def status_of(facts: Facts, agent_status: AgentStatus | None) -> NodeStatus:
    """The status from desired and observed state. ``agent_status`` None: the agent is not registered.

    A node of an offline agent is unknown, never failed: nobody can observe it.
    """
    if agent_status is None or agent_status is AgentStatus.OFFLINE:
        return NodeStatus.UNKNOWN
    if facts.is_confirmed and facts.state is not None:
        return NodeStatus(facts.state)
    if facts.desired is Desired.RUNNING:
        return NodeStatus.RUNNING if facts.state is NodeState.RUNNING else NodeStatus.STARTING
    is_ended = facts.state in {NodeState.STOPPED, NodeState.FAILED} and not facts.has_process
    return NodeStatus.STOPPED if is_ended and facts.desired is Desired.STOPPED else NodeStatus.STOPPING


def is_missing(facts: Facts, agent_status: AgentStatus | None) -> bool:
    """Whether the node should run and is not known to run."""
    return facts.desired is Desired.RUNNING and status_of(facts, agent_status) is not NodeStatus.RUNNING


def is_unhealthy(facts: Facts, agent_status: AgentStatus | None) -> bool:
    """Whether the node should run and runs, and its health probe fails."""
    return facts.is_unhealthy and _runs_as_it_should(facts, agent_status)


def is_unstable(facts: Facts, agent_status: AgentStatus | None) -> bool:
    """Whether the node should run and runs again after a crash, and was not stable since."""
    return facts.is_unstable and _runs_as_it_should(facts, agent_status)


def _runs_as_it_should(facts: Facts, agent_status: AgentStatus | None) -> bool:
    return facts.desired is Desired.RUNNING and status_of(facts, agent_status) is NodeStatus.RUNNING


def is_troubled(facts: Facts, agent_status: AgentStatus | None) -> bool:
    """Whether the node makes the grid degraded by itself: missing, unhealthy or unstable, and its agent not offline."""
    if agent_status is AgentStatus.OFFLINE:
        return False
    return any(judge(facts, agent_status) for judge in (is_missing, is_unhealthy, is_unstable))


def needs_attention(facts: Facts, agent_status: AgentStatus | None) -> bool:
    """Whether a person should look at it: it is missing, failed or unstable, or it runs and its probe fails."""
    if facts.desired is Desired.ABSENT:
        return False
    status = status_of(facts, agent_status)
    is_hung = status is NodeStatus.RUNNING and facts.is_unhealthy
    is_shaky = is_missing(facts, agent_status) or is_unstable(facts, agent_status)
    return is_shaky or status is NodeStatus.FAILED or is_hung


def shown_status(node: Node, agent_status: AgentStatus | None, agent_since_ms: int = 0) -> ShownStatus:
    """``status_of`` the node, with its reason and a message. ``agent_since_ms``: when its agent's status began."""
    report = node.report
    facts = facts_of(node)
    status = status_of(facts, agent_status)
    if agent_status is None:
        return ShownStatus(status, Reason.UNKNOWN_AGENT, f"its agent {node.agent_id} is not registered")
    if agent_status is AgentStatus.OFFLINE:
        last = _last_report(report)
        return ShownStatus(
            status, Reason.AGENT_OFFLINE, f"its agent {node.agent_id} is offline; {last}", agent_since_ms
        )
    if report is None or not facts.is_confirmed:
        return ShownStatus(status, Reason.PENDING, _waiting(node, report), _since_ms(node, status))
    message = report.message
    reason = report.reason
    if facts.is_unhealthy and status is NodeStatus.RUNNING and reason is not Reason.PROBE_FAILED:
        reason, message = Reason.PROBE_FAILED, message or "its process runs, but its health probe fails"
    return ShownStatus(status, reason, message, _since_ms(node, status))


def shown_node(node: Node, agent: Agent | None) -> ShownStatus:
    """``shown_status`` of a node of ``agent``; None: the agent is not registered."""
    return shown_status(node, agent.status, agent.status_since_ms) if agent else shown_status(node, None)


def cluster_summary(agents: Iterable[Agent], nodes: Iterable[Node], now_ms: int = 0) -> ClusterSummary:
    """The summary of the grid from all agents and nodes at ``now_ms``, wall-clock milliseconds; see ``summarize``."""
    by_id = {agent.agent_id: agent for agent in agents}
    judged = [(node, facts_of(node), _status_of(by_id, node.agent_id)) for node in nodes]
    tally = Tally(
        Counter(agent.status for agent in by_id.values()), Counter((facts, status) for _, facts, status in judged)
    )
    lost = Counter(
        node.agent_id for node, facts, status in judged if status is AgentStatus.OFFLINE and is_missing(facts, status)
    )
    unhealthy = [by_id[agent_id] for agent_id in sorted(by_id) if by_id[agent_id].status is not AgentStatus.HEALTHY]
    troubled = (NodeTrouble(node, status, now_ms) for node, facts, status in judged if is_troubled(facts, status))
    return summarize(
        tally,
        [AgentTrouble(agent, lost[agent.agent_id]) for agent in unhealthy[:SHOWN_REASONS]],
        list(islice(troubled, SHOWN_REASONS)),
    )


def summarize(tally: Tally, agents: Sequence[AgentTrouble], nodes: Sequence[NodeTrouble]) -> ClusterSummary:
    """The grid in numbers, with its status and the reasons.

    Nodes that are being removed do not count. Healthy: every agent is healthy, and every node that should run
    runs, is not unhealthy, and was stable since its last crash. Critical: more than half of the agents are
    offline. ``agents`` and ``nodes`` are named in the reasons: the first ``SHOWN_REASONS`` of each in trouble.
    """
    total_agents = sum(tally.agents.values())
    healthy, offline = tally.agents.get(AgentStatus.HEALTHY, 0), tally.agents.get(AgentStatus.OFFLINE, 0)
    missing, unhealthy, unstable = (
        sum(count for key, count in tally.nodes.items() if judge(*key))
        for judge in (is_missing, is_unhealthy, is_unstable)
    )
    troubles = total_agents - healthy + sum(count for key, count in tally.nodes.items() if is_troubled(*key))
    statuses: Counter[NodeStatus] = Counter()
    desired: Counter[Desired] = Counter()
    for (facts, agent_status), count in tally.nodes.items():
        desired[facts.desired] += count
        if facts.desired is not Desired.ABSENT:
            statuses[status_of(facts, agent_status)] += count
    return ClusterSummary(
        status=_health(total_agents, healthy, offline, missing + unhealthy + unstable),
        total_agents=total_agents,
        healthy_agents=healthy,
        degraded_agents=tally.agents.get(AgentStatus.DEGRADED, 0),
        offline_agents=offline,
        total_storage_nodes=statuses.total(),
        running_storage_nodes=statuses[NodeStatus.RUNNING],
        desired_storage_nodes=desired[Desired.RUNNING],
        failed_storage_nodes=statuses[NodeStatus.FAILED],
        unknown_storage_nodes=statuses[NodeStatus.UNKNOWN],
        unhealthy_storage_nodes=unhealthy,
        unstable_storage_nodes=unstable,
        reasons=_reasons(agents, nodes, troubles),
    )


def as_last_known(summary: ClusterSummary, as_of_ms: int, why: str) -> ClusterSummary:
    """``summary`` of the registry while its writer, the master, can't be asked: ``why`` says how that was seen.

    ``as_of_ms``: when the master last wrote to the registry, in wall-clock milliseconds; 0 if it never did.
    """
    when = f"at {utc_time(as_of_ms)}" if as_of_ms else "at an unknown time"
    was = f"it last wrote to the registry {when}; the grid was {summary.status} then"
    sentence = f"the master can't be asked: {why}; {was}"
    return replace(summary, status=ClusterHealth.UNKNOWN, reasons=(sentence, *summary.reasons), as_of_ms=as_of_ms)


def _health(agents: int, healthy: int, offline: int, shaky_nodes: int) -> ClusterHealth:
    if offline * 2 > agents:
        return ClusterHealth.CRITICAL
    return ClusterHealth.DEGRADED if healthy < agents or shaky_nodes else ClusterHealth.HEALTHY


def _waiting(node: Node, report: NodeReport | None) -> str:
    """The agent is not offline, and has not reported the newest generation yet."""
    if report is None:
        return f"assigned to agent {node.agent_id}, which has not reported it yet"
    if report.generation == 0:
        return f"agent {node.agent_id} no longer lists it; it is assigned again"
    return f"agent {node.agent_id} has generation {report.generation}; generation {node.generation} is desired"


def _since_ms(node: Node, status: NodeStatus) -> int:
    """When the status of a node whose agent is not offline began. An older agent does not tell it."""
    report = node.report
    if report is None:
        return node.created_at_ms
    if status is NodeStatus.RUNNING and report.health is Health.UNHEALTHY:
        return report.health_since_ms
    return report.state_since_ms if status is NodeStatus(report.state) else 0  # else it is of a command


def _last_report(report: NodeReport | None) -> str:
    if report is None:
        return "it was never reported"
    process = f" as process {report.pid}" if report.pid else ""
    return f"last reported {report.state}{process}"


def _status_of(agents: dict[str, Agent], agent_id: str) -> AgentStatus | None:
    agent = agents.get(agent_id)
    return agent.status if agent else None


def _reasons(agents: Sequence[AgentTrouble], nodes: Sequence[NodeTrouble], troubles: int) -> tuple[str, ...]:
    """Why the grid is not healthy: each agent, then each node whose agent is not the cause."""
    reasons = [*map(_of_agent, agents), *map(_of_node, nodes)][:SHOWN_REASONS]
    if troubles > len(reasons):
        reasons.append(f"and {troubles - len(reasons)} more")
    return tuple(reasons)


def _of_agent(trouble: AgentTrouble) -> str:
    agent, lost = trouble.agent, trouble.lost_nodes
    text = f"agent {agent.agent_id} is {agent.status}: {agent.message or agent.reason or 'no reason is known'}"
    if not lost:
        return text
    nodes = "1 node that should run there is" if lost == 1 else f"{lost} nodes that should run there are"
    return f"{text}; {nodes} unknown"


def _of_node(trouble: NodeTrouble) -> str:
    node = seen_at(trouble.node, trouble.now_ms)
    shown = shown_status(node, trouble.agent_status)
    facts, who = facts_of(node), f"node {node.node_id} on {node.agent_id}"
    why = shown.message or str(shown.reason)
    if is_missing(facts, trouble.agent_status):
        return f"{who} should run and is {_missing_word(node, shown.status)}: {why}".rstrip(": ")
    if is_unhealthy(facts, trouble.agent_status):
        return f"{who} is unhealthy: {why}".rstrip(": ")
    return f"{who} is unstable: {unstable_words(node.report, trouble.now_ms)}"


def _missing_word(node: Node, status: NodeStatus) -> str:
    """The status, in the words of lists."""
    report = node.report
    if report is not None and status is NodeStatus.STARTING and report.backoff_ms and not report.pid:
        return f"in back-off, {duration(report.backoff_ms / 1000)} left"
    return status.value


def unstable_words(report: NodeReport | None, now_ms: int) -> str:
    """Why a node that runs again after a crash is unstable; its times that are left are as of ``now_ms``."""
    if report is None:
        return "it crashed"
    crash = next((exit_ for exit_ in report.exits if exit_.reason in CRASHES), None)
    how = f" ({describe_exit(crash)})" if crash else ""
    again = f" for {duration((now_ms - report.started_at_ms) / 1000)}" if now_ms and report.started_at_ms else ""
    left = f", stable in {duration(report.stable_in_ms / 1000)}" if report.stable_in_ms else ""
    ended = "ended" if crash and crash.reason in WHY_STOPPED else "crashed"
    return f"it {ended}{how} and runs again{again}{left}"
