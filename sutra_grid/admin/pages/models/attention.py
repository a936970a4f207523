"""Agents and nodes that need attention, with the reason and the next step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sutra_grid.admin.pages.models.badges import UNSTABLE, Badge, badge, node_badge
from sutra_grid.client.next_steps import is_as_desired, next_step
from sutra_grid.core.agent.host_changes import is_disk_low, low_other_disks
from sutra_grid.core.size import size
from sutra_grid.core.status import unstable_words
from sutra_grid.core.text import printable
from sutra_grid.core.types import Agent, AgentStatus, Reason
from sutra_grid.registry import ListedNode
from sutra_grid.wire.convert import node_status


class AttentionItem(NamedTuple):
    """An agent or a node, as ``kind`` says, that needs attention. ``since_ms``: 0 if that is not known."""

    kind: str
    name: str
    badge: Badge
    message: str
    step: str
    since_ms: int


def agent_items(agents: Iterable[Agent], used_slots: Mapping[str, int]) -> list[AttentionItem]:
    """Items for agents that are offline or degraded, in the given order."""
    return [_unhealthy(agent, used_slots.get(agent.agent_id, 0)) for agent in agents]


def disk_items(agents: Iterable[Agent]) -> list[AttentionItem]:
    """Items for agents with a nearly full disk."""
    return [_low_disk(agent) for agent in agents]


def node_items(nodes: Iterable[ListedNode], now_ms: int) -> list[AttentionItem]:
    """Items for nodes at ``now_ms``. Omits nodes of offline agents: their agent is already an item."""
    items = []
    for node, shown in nodes:
        if shown.reason is Reason.AGENT_OFFLINE:
            continue
        record = node_status(node, shown)
        shown_badge = node_badge(record)
        message = ": ".join(part for part in (shown.reason, printable(shown.message)) if part) or "no reason reported"
        if is_as_desired(record) and record.unstable:
            shown_badge, message = UNSTABLE, unstable_words(node.report, now_ms)
        step = next_step(record, None).text
        items.append(AttentionItem("node", node.node_id, shown_badge, message, step, shown.since_ms))
    return items


def _unhealthy(agent: Agent, node_count: int) -> AttentionItem:
    message = printable(agent.message) or agent.reason or "no reason reported"
    nodes = "Its node has" if node_count == 1 else f"Its {node_count} nodes have"
    is_unknown = node_count > 0 and agent.status is AgentStatus.OFFLINE
    step = f"{nodes} the status unknown. Check the agent's service and log on its host." if is_unknown else ""
    return AttentionItem("agent", agent.agent_id, badge(agent.status), message, step, agent.status_since_ms)


def _low_disk(agent: Agent) -> AttentionItem:
    assert agent.host is not None
    reserve = size(agent.host.disk_reserve_bytes)
    parts = []
    if is_disk_low(agent.host):
        free = size(agent.host.disk_free_bytes)
        parts.append(f"{free} free on its data disk, less than the reserve of {reserve}: accepts no new nodes")
    for disk in low_other_disks(agent.host):
        uses = " and ".join(disk.uses)
        parts.append(f"{size(disk.free_bytes)} free on the disk of its {uses}, less than the reserve of {reserve}")
    message = ". ".join(parts)
    low = badge(AgentStatus.DEGRADED)._replace(label="low disk")
    return AttentionItem("agent", agent.agent_id, low, message, "Free disk space on its host.", agent.host.at_ms)
