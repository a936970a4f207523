"""``/ui/``: the status of the grid, what needs attention, the agents, and the latest events."""

from __future__ import annotations

from typing import Final

from flask import Response

from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.models.agent_cells import NAMED_CELLS, cell_groups
from sutra_grid.admin.pages.models.attention import AttentionItem, agent_items, disk_items, node_items
from sutra_grid.admin.pages.models.badges import grid_badge
from sutra_grid.admin.pages.models.event_rows import event_rows
from sutra_grid.admin.pages.renderer import POLL_SECONDS, now_ms, page_state, render_page
from sutra_grid.admin.reads.grid_status import grid_summary, seen_at_ms
from sutra_grid.admin.services import registry
from sutra_grid.core.agent.host_changes import is_disk_low, low_other_disks
from sutra_grid.core.types import Agent, AgentStatus
from sutra_grid.registry import AgentCell, AgentQuery, EventQuery, NodeQuery, NodeSort, Registry

#: Shown agents, and shown nodes, that need attention. The lists show all.
LISTED_ITEMS: Final = 8
#: The first of them; the others can be unfolded.
SHOWN_ITEMS: Final = 5
READ_ITEMS: Final = 100
SHOWN_EVENTS: Final = 10
#: With more agents of a status a phone shows them without names.
PHONE_CELLS: Final = 12
#: With more agents the page is polled less often, because it has hundreds of kilobytes.
MANY_AGENTS: Final = 500
MANY_POLL_SECONDS: Final = 10


@blueprint.get("/")
def show_overview() -> Response:
    """Show the page."""
    rows = registry()
    summary = grid_summary()
    cells = rows.agent_cells()
    agents, nodes = _agent_items(rows, cells), _node_items(rows)
    return render_page(
        "overview.html",
        section="overview",
        poll_seconds=MANY_POLL_SECONDS if len(cells) > MANY_AGENTS else POLL_SECONDS,
        summary=summary,
        status_badge=grid_badge(summary.status),
        groups=cell_groups(cells),
        are_cells_named=len(cells) <= NAMED_CELLS,
        agent_items=agents,
        node_items=nodes,
        items=agents[:LISTED_ITEMS] + nodes[:LISTED_ITEMS],
        shown_items=SHOWN_ITEMS,
        max_items=LISTED_ITEMS,
        phone_cells=PHONE_CELLS,
        events=event_rows(rows.event_page(EventQuery(limit=SHOWN_EVENTS)), now_ms()),
    )


def _agent_items(rows: Registry, cells: list[AgentCell]) -> list[AttentionItem]:
    """Agents that are offline or degraded, and agents with a nearly full disk."""
    used = {cell.agent_id: cell.used_slots for cell in cells}
    unhealthy = [
        listed.agent
        for status in (AgentStatus.OFFLINE, AgentStatus.DEGRADED)
        for listed in rows.agent_page(AgentQuery(status=status, limit=READ_ITEMS)).items
    ]
    low = page_state().low_disks.get(lambda: [agent for agent in rows.agents() if _has_low_disk(agent)])
    return [*agent_items(unhealthy, used), *disk_items(low)]


def _has_low_disk(agent: Agent) -> bool:
    """What an offline agent reported last may have changed; it is an item already."""
    is_low = is_disk_low(agent.host) or bool(low_other_disks(agent.host))
    return is_low and agent.status is not AgentStatus.OFFLINE


def _node_items(rows: Registry) -> list[AttentionItem]:
    query = NodeQuery(attention=True, sort=NodeSort.STATUS, limit=READ_ITEMS)
    at_ms = seen_at_ms()
    return node_items(rows.node_page(query, at_ms).items, at_ms)
