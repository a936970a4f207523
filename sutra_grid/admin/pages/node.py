"""``/ui/nodes/ID``: a node with its explanation, resource usage, history and log."""

from __future__ import annotations

from typing import Final

from flask import Response

from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.models.badges import node_badge
from sutra_grid.admin.pages.models.chart import Chart, Measure, chart
from sutra_grid.admin.pages.models.event_rows import event_rows
from sutra_grid.admin.pages.models.explanation import explain
from sutra_grid.admin.pages.models.history import Period, history, unseen_periods
from sutra_grid.admin.pages.node_log import LOG_LINES, read_log_end
from sutra_grid.admin.pages.renderer import is_from_htmx, now_ms, render_page
from sutra_grid.admin.reads.grid_status import as_of_ms
from sutra_grid.admin.reads.lookup import find_node
from sutra_grid.admin.reads.records import agent_with_nodes, as_seen
from sutra_grid.admin.services import master, master_fault, registry
from sutra_grid.client.descriptions import health_text, is_observed
from sutra_grid.core.errors import GridError
from sutra_grid.core.size import size
from sutra_grid.core.status import shown_node
from sutra_grid.core.types import Agent, AgentStatus
from sutra_grid.registry import EventQuery, Registry
from sutra_grid.wire.convert import node_status

SHOWN_EVENTS: Final = 100
READ_AGENT_EVENTS: Final = 1000
#: The chart covers at least 10 %, so that an idle process is drawn as a flat line.
CPU: Final = Measure("CPU, % of one CPU", 10.0, lambda percent: f"{percent:.0f}%")
MEMORY: Final = Measure("Memory", 1024.0, lambda count: size(int(count)), prefix=1024)


@blueprint.get("/nodes/<node_id>")
def show_node(node_id: str) -> Response:
    """Show the page."""
    rows = registry()
    node = as_seen(find_node(rows, node_id))
    agent = rows.agent(node.agent_id)
    status = node_status(node, shown_node(node, agent))
    record = agent_with_nodes(agent, []) if agent else None
    events = rows.event_page(EventQuery(node_id=node_id, limit=SHOWN_EVENTS))
    charts, no_samples_reason = _charts(node_id)
    is_current = is_observed(status) and master_fault() is None
    return render_page(
        "node.html",
        section="nodes",
        node=status,
        badge_of_node=node_badge(status),
        explanation=explain(status, record, now_ms()),
        charts=charts,
        no_samples_reason=no_samples_reason,
        is_current=is_current,
        health=health_text(status, is_current=is_current),
        memory=size(status.sample.rss_bytes) if status.HasField("sample") and status.pid else "",
        history=history(events, now_ms(), _unseen(rows, node.agent_id, agent)),
        events=event_rows(events, now_ms()),
        # The log is polled separately, so that the rest of the page does not wait for the agent.
        log=None if is_from_htmx() else read_log_end(node_id),
        lines=LOG_LINES,
    )


def _unseen(rows: Registry, agent_id: str, agent: Agent | None) -> list[Period]:
    """When nobody saw the nodes of the agent, as far as its events are kept; also since the master is gone."""
    events = rows.event_page(EventQuery(agent_id=agent_id, kind="agent", limit=READ_AGENT_EVENTS))
    offline_since_ms = agent.status_since_ms if agent and agent.status is AgentStatus.OFFLINE else 0
    without_master = [Period(at_ms, now_ms())] if (at_ms := as_of_ms()) else []
    return [*unseen_periods(events, offline_since_ms, now_ms()), *without_master]


def _charts(node_id: str) -> tuple[list[Chart], str]:
    """Charts of CPU and memory from its agent's measurements, and a reason when there are none."""
    fault = master_fault()
    if fault is not None:
        return [], f"Measurements unavailable: {fault.message}"
    try:
        samples = master().list_node_samples(node_id).samples
    except GridError as error:
        return [], f"Measurements unavailable: {error.message}"
    found = [
        chart(CPU, [(each.at_ms, each.cpu_percent) for each in samples]),
        chart(MEMORY, [(each.at_ms, each.rss_bytes) for each in samples]),
    ]
    return [each for each in found if each], "No measurements yet."
