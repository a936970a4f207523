"""``/ui/``: is it all right, what is not, why, and what was last."""

from __future__ import annotations

from typing import Final

from flask import Response

from sutra_grid.admin.links import registry
from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.models.attention import Trouble, agent_troubles, node_troubles
from sutra_grid.admin.pages.models.badges import badge
from sutra_grid.admin.pages.models.cells import NAMED_CELLS, cell_groups
from sutra_grid.admin.pages.models.events import event_rows
from sutra_grid.admin.pages.showing import POLL_SECONDS, now_ms, show
from sutra_grid.registry import AgentCell, EventQuery, NodeQuery, NodeSort, Registry

SHOWN_TROUBLES: Final = 12
READ_NODES: Final = 100
SHOWN_EVENTS: Final = 15
#: A grid of more agents than this is drawn anew less often: its page has hundreds of kilobytes.
MANY_AGENTS: Final = 500
MANY_POLL_SECONDS: Final = 10


@blueprint.get("/")
def show_overview() -> Response:
    """The page."""
    rows = registry()
    summary = rows.cluster_summary()
    cells = rows.agent_cells()
    return show(
        "overview.html",
        section="overview",
        poll_seconds=MANY_POLL_SECONDS if len(cells) > MANY_AGENTS else POLL_SECONDS,
        summary=summary,
        verdict=badge(summary.status),
        groups=cell_groups(cells),
        are_named=len(cells) <= NAMED_CELLS,
        troubles=_troubles(rows, cells),
        most=SHOWN_TROUBLES,
        events=event_rows(rows.event_page(EventQuery(limit=SHOWN_EVENTS)), now_ms()),
    )


def _troubles(rows: Registry, cells: list[AgentCell]) -> list[Trouble]:
    """Agents first: what they have explains what their nodes have."""
    used = {cell.agent_id: cell.used_slots for cell in cells}
    nodes = rows.node_page(NodeQuery(attention=True, sort=NodeSort.STATUS, limit=READ_NODES)).items
    return [*agent_troubles(rows.agents(), used), *node_troubles(nodes)]
