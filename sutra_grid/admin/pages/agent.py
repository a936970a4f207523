"""``/ui/agents/ID``: an agent with its host, its nodes and its events."""

from __future__ import annotations

from typing import Final

from flask import Response

from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.models.agent_rows import status_reason
from sutra_grid.admin.pages.models.badges import badge
from sutra_grid.admin.pages.models.command_effects import nodes_text
from sutra_grid.admin.pages.models.event_rows import event_rows
from sutra_grid.admin.pages.models.host_gauges import gauges
from sutra_grid.admin.pages.models.node_rows import node_rows
from sutra_grid.admin.pages.renderer import now_ms, render_page
from sutra_grid.admin.reads.grid_status import seen_at_ms
from sutra_grid.admin.reads.lookup import find_agent
from sutra_grid.admin.reads.records import listed_node
from sutra_grid.admin.services import registry
from sutra_grid.core.agent.memory_limits import limits_text
from sutra_grid.core.types import AgentStatus, Desired
from sutra_grid.registry import EventQuery, NodeQuery, NodeSort

SHOWN_EVENTS: Final = 10
SHOWN_NODES: Final = 12


@blueprint.get("/agents/<agent_id>")
def show_agent(agent_id: str) -> Response:
    """Show the page."""
    rows = registry()
    agent = find_agent(rows, agent_id)
    query = NodeQuery(agent_id=agent_id, sort=NodeSort.STATUS, limit=SHOWN_NODES)
    nodes = rows.node_page(query, seen_at_ms(), counted=True)
    everything = rows.nodes(agent_id)
    by_drain = sum(node.stopped_by_drain for node in everything)
    limits_mb = [node.spec.memory_limit_mb for node in everything if node.desired is Desired.RUNNING]
    return render_page(
        "agent.html",
        section="agents",
        agent=agent,
        badge_of_agent=badge(agent.status),
        status_reason=status_reason(agent),
        is_offline=agent.status is AgentStatus.OFFLINE,
        gauges=gauges(agent.host) if agent.host else [],
        memory_limits=limits_text(limits_mb, agent.host.memory_total_bytes if agent.host else 0),
        rows=node_rows(map(listed_node, nodes.items), seen_at_ms()),
        node_count=nodes.total,
        stopped_by_drain=nodes_text(by_drain) if by_drain else "",
        events=event_rows(rows.event_page(EventQuery(agent_id=agent_id, limit=SHOWN_EVENTS)), now_ms()),
    )
