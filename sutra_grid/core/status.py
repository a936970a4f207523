"""What is shown: one status a node, one word for the grid, each with its reason in words.

Pure. The master shows its memory by it, the admin the registry's rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

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

_SHOWN_REASONS = 10


@dataclass(frozen=True, slots=True)
class ShownStatus:
    """A node's status for people, why, and the same in words."""

    status: NodeStatus
    reason: Reason = Reason.NONE
    message: str = ""


def shown_status(node: Node, agent_status: AgentStatus | None) -> ShownStatus:
    """Desired and observed together. ``agent_status`` None: there is no such agent.

    A node of an offline agent is unknown, never failed: nobody can see it.
    """
    report = node.report
    if agent_status is None:
        return ShownStatus(NodeStatus.UNKNOWN, Reason.UNKNOWN_AGENT, f"its agent {node.agent_id} is not registered")
    if agent_status is AgentStatus.OFFLINE:
        last = _last_word(report)
        return ShownStatus(NodeStatus.UNKNOWN, Reason.AGENT_OFFLINE, f"its agent {node.agent_id} is offline; {last}")
    if report is None or report.generation < node.generation:
        return _not_confirmed(node, report)
    message = report.message
    reason = report.reason
    if report.health is Health.UNHEALTHY and report.state is NodeState.RUNNING and reason is not Reason.PROBE_FAILED:
        reason, message = Reason.PROBE_FAILED, message or "it runs, and its health probe fails"
    return ShownStatus(NodeStatus(report.state), reason, message)


def cluster_summary(agents: Iterable[Agent], nodes: Iterable[Node]) -> ClusterSummary:
    """The grid in numbers and one word.

    Nodes that are being removed do not count. Healthy: every agent is, and every node that
    should run runs. Critical: more than half of the agents are offline.
    """
    by_id = {agent.agent_id: agent for agent in agents}
    statuses = Counter(agent.status for agent in by_id.values())
    counted = [node for node in nodes if node.desired is not Desired.ABSENT]
    shown = [(node, shown_status(node, _status_of(by_id, node.agent_id))) for node in counted]
    node_statuses = Counter(each.status for _, each in shown)
    missing = [
        (node, each)
        for node, each in shown
        if node.desired is Desired.RUNNING and each.status is not NodeStatus.RUNNING
    ]
    offline = statuses[AgentStatus.OFFLINE]
    if offline * 2 > len(by_id):
        health = ClusterHealth.CRITICAL
    elif statuses[AgentStatus.HEALTHY] < len(by_id) or missing:
        health = ClusterHealth.DEGRADED
    else:
        health = ClusterHealth.HEALTHY
    return ClusterSummary(
        status=health,
        total_agents=len(by_id),
        healthy_agents=statuses[AgentStatus.HEALTHY],
        degraded_agents=statuses[AgentStatus.DEGRADED],
        offline_agents=offline,
        total_storage_nodes=len(counted),
        running_storage_nodes=node_statuses[NodeStatus.RUNNING],
        desired_storage_nodes=sum(node.desired is Desired.RUNNING for node in counted),
        failed_storage_nodes=node_statuses[NodeStatus.FAILED],
        unknown_storage_nodes=node_statuses[NodeStatus.UNKNOWN],
        reasons=_reasons(by_id, missing),
    )


def _not_confirmed(node: Node, report: NodeReport | None) -> ShownStatus:
    """The agent is there and has not yet reported the newest generation."""
    if report is None:
        waiting = f"assigned to {node.agent_id}, which has not reported it"
    elif report.generation == 0:
        waiting = f"{node.agent_id} does not have it any more; assigned again"
    else:
        waiting = f"{node.agent_id} has generation {report.generation}, generation {node.generation} is desired"
    if node.desired is Desired.RUNNING:
        runs = report is not None and report.state is NodeState.RUNNING
        return ShownStatus(NodeStatus.RUNNING if runs else NodeStatus.STARTING, Reason.PENDING, waiting)
    ended = report is not None and report.state in {NodeState.STOPPED, NodeState.FAILED} and not report.pid
    if ended and node.desired is Desired.STOPPED:
        return ShownStatus(NodeStatus.STOPPED, Reason.PENDING, waiting)
    return ShownStatus(NodeStatus.STOPPING, Reason.PENDING, waiting)


def _last_word(report: NodeReport | None) -> str:
    if report is None:
        return "it was never reported"
    process = f" as process {report.pid}" if report.pid else ""
    return f"last reported {report.state}{process}"


def _status_of(agents: dict[str, Agent], agent_id: str) -> AgentStatus | None:
    agent = agents.get(agent_id)
    return agent.status if agent else None


def _reasons(agents: dict[str, Agent], missing: list[tuple[Node, ShownStatus]]) -> tuple[str, ...]:
    """Why the grid is not healthy: each agent, then each node that its agent's trouble does not explain."""
    words = [
        f"agent {agent.agent_id} is {agent.status}: {agent.message or agent.reason or 'no reason is known'}"
        for agent in sorted(agents.values(), key=lambda agent: agent.agent_id)
        if agent.status is not AgentStatus.HEALTHY
    ]
    lost = Counter(node.agent_id for node, each in missing if each.reason is Reason.AGENT_OFFLINE)
    words += [f"{count} nodes of offline agent {agent_id} are unknown" for agent_id, count in sorted(lost.items())]
    words += [
        f"node {node.node_id} on {node.agent_id} should run and is {each.status}: {each.message or each.reason}".rstrip(
            ": "
        )
        for node, each in missing
        if each.reason is not Reason.AGENT_OFFLINE
    ]
    if len(words) > _SHOWN_REASONS:
        words = [*words[:_SHOWN_REASONS], f"and {len(words) - _SHOWN_REASONS} more"]
    return tuple(words)
