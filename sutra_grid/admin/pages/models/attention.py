"""What needs a person first, each with its reason in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sutra_grid.admin.pages.models.badges import Badge, badge, node_badge
from sutra_grid.client.next_steps import next_step
from sutra_grid.core.size import size
from sutra_grid.core.text import printable
from sutra_grid.core.types import Agent, AgentStatus, Reason
from sutra_grid.registry import ListedNode
from sutra_grid.wire.convert import node_status


class AttentionItem(NamedTuple):
    """One thing that is not as it should be. ``kind`` is agent or node, and says where ``name`` leads."""

    kind: str
    name: str
    badge: Badge
    words: str
    step: str
    since_ms: int


def agent_items(agents: Iterable[Agent], used_slots: Mapping[str, int]) -> list[AttentionItem]:
    """Of agents that are offline or degraded, in their order."""
    return [_unhealthy(agent, used_slots.get(agent.agent_id, 0)) for agent in agents]


def disk_items(agents: Iterable[Agent]) -> list[AttentionItem]:
    """Of agents whose disk is nearly full."""
    return [_low_disk(agent) for agent in agents]


def node_items(nodes: Iterable[ListedNode]) -> list[AttentionItem]:
    """Nodes that are not as they should be for a reason of their own: the offline agent of others is told once."""
    found = []
    for node, shown in nodes:
        if shown.reason is Reason.AGENT_OFFLINE:
            continue
        record = node_status(node, shown)
        words = ": ".join(part for part in (shown.reason, printable(shown.message)) if part) or "no reason is known"
        since_ms = record.exits[0].at_ms if record.exits and not record.pid else record.started_at_ms
        found.append(
            AttentionItem("node", node.node_id, node_badge(record), words, next_step(record, None).text, since_ms)
        )
    return found


def _unhealthy(agent: Agent, unseen: int) -> AttentionItem:
    words = printable(agent.message) or agent.reason or "no reason is known"
    nodes = "Its node can't" if unseen == 1 else f"Its {unseen} nodes can't"
    is_unseen = unseen > 0 and agent.status is AgentStatus.OFFLINE
    step = f"{nodes} be seen. Look at its service and log on its host." if is_unseen else ""
    return AttentionItem("agent", agent.agent_id, badge(agent.status), words, step, agent.status_since_ms)


def _low_disk(agent: Agent) -> AttentionItem:
    assert agent.host is not None
    free, reserve = size(agent.host.disk_free_bytes), size(agent.host.disk_reserve_bytes)
    words = f"{free} are free where its data is, and {reserve} are its reserve: it takes no new nodes"
    low = badge(AgentStatus.DEGRADED)._replace(word="low disk")
    return AttentionItem("agent", agent.agent_id, low, words, "Free space on its host.", agent.host.at_ms)
