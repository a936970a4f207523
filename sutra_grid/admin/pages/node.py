"""``/ui/nodes/ID``: one node: why it is as it is, what it uses, its history, its log."""

from __future__ import annotations

from typing import Final

from flask import Response

from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.models.badges import node_badge
from sutra_grid.admin.pages.models.event_rows import event_rows
from sutra_grid.admin.pages.models.explanation import explain
from sutra_grid.admin.pages.models.history import history
from sutra_grid.admin.pages.models.log_text import LogText, log_text
from sutra_grid.admin.pages.models.sparkline import Sparkline, sparkline
from sutra_grid.admin.pages.renderer import is_from_htmx, master_fault, now_ms, render_page
from sutra_grid.admin.reads.lookup import find_node
from sutra_grid.admin.reads.records import agent_with_nodes
from sutra_grid.admin.services import master, registry
from sutra_grid.core.errors import GridError
from sutra_grid.core.size import size
from sutra_grid.core.status import shown_status
from sutra_grid.registry import EventQuery
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import node_status

SHOWN_EVENTS: Final = 100
LOG_LINES: Final = 200
LOG_BYTES: Final = 256 * 1024
#: A quiet process is drawn low, not as a mountain range of tenths of a percent.
LEAST_CPU_PERCENT: Final = 10.0


@blueprint.get("/nodes/<node_id>")
def show_node(node_id: str) -> Response:
    """The page."""
    rows = registry()
    node = find_node(rows, node_id)
    agent = rows.agent(node.agent_id)
    status = node_status(node, shown_status(node, agent.status if agent else None))
    record = agent_with_nodes(agent, []) if agent else None
    events = rows.event_page(EventQuery(node_id=node_id, limit=SHOWN_EVENTS))
    cpu, memory, why_none = _sparklines(node_id)
    return render_page(
        "node.html",
        section="nodes",
        node=status,
        badge_of_node=node_badge(status),
        explained=explain(status, record, now_ms()),
        cpu=cpu,
        memory=memory,
        why_no_samples=why_none,
        memory_now=size(status.sample.rss_bytes) if status.HasField("sample") and status.pid else "",
        history=history(events, now_ms()),
        events=event_rows(events, now_ms()),
        # The log has a poll of its own, so that a part of the page need not wait for the agent.
        log=None if is_from_htmx() else _read_log(node_id),
        lines=LOG_LINES,
    )


@blueprint.get("/nodes/<node_id>/log")
def show_node_log(node_id: str) -> Response:
    """The end of its log, alone."""
    template = "node_log_part.html" if is_from_htmx() else "node_log.html"
    return render_page(template, node_id=node_id, log=_read_log(node_id), lines=LOG_LINES)


def _read_log(node_id: str) -> LogText:
    """Through the master, from its agent; why not, where that does not work."""
    fault = master_fault()
    if fault is not None:
        return LogText("", f"It can't be read: {fault.message}")
    request = pb.LogRequest(node_id=node_id, tail_lines=LOG_LINES, max_bytes=LOG_BYTES)
    try:
        return log_text(master().read_node_log(request).data)
    except GridError as error:
        return LogText("", f"It can't be read: {error.message}")


def _sparklines(node_id: str) -> tuple[Sparkline | None, Sparkline | None, str]:
    """CPU and memory as its agent measured them, and why there is nothing to see."""
    fault = master_fault()
    if fault is not None:
        return None, None, f"They can't be read: {fault.message}"
    try:
        samples = master().list_node_samples(node_id).samples
    except GridError as error:
        return None, None, f"They can't be read: {error.message}"
    cpu = sparkline("CPU", [each.cpu_percent for each in samples], LEAST_CPU_PERCENT, lambda share: f"{share:.0f}%")
    memory = sparkline("Memory", [each.rss_bytes for each in samples], 1, lambda count: size(int(count)))
    return cpu, memory, "" if cpu else "There are no measurements yet."
