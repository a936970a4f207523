"""Nodes as table rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sutra_grid.admin.pages.models.badges import Badge, node_badge
from sutra_grid.client.descriptions import is_measured, is_observed
from sutra_grid.core.age import age
from sutra_grid.core.size import size
from sutra_grid.core.text import printable
from sutra_grid.core.types import NodeStatus
from sutra_grid.wire import grid_pb2 as pb


class NodeRow(NamedTuple):
    """``message`` is the reason of the status, empty when all is well. What nobody sees now is empty."""

    node_id: str
    badge: Badge
    agent_id: str
    endpoint: str
    engine: str
    up: str
    cpu: str
    memory: str
    restarts: int
    message: str


def node_rows(nodes: Iterable[pb.NodeStatus], now_ms: int) -> list[NodeRow]:
    """One row per node, in the given order."""
    return [_row(node, now_ms) for node in nodes]


def _row(node: pb.NodeStatus, now_ms: int) -> NodeRow:
    has_sample = is_measured(node)
    is_well = node.status in (NodeStatus.RUNNING, NodeStatus.STOPPED) and node.health != "unhealthy"
    return NodeRow(
        node.node_id,
        node_badge(node),
        node.agent_id,
        node.endpoint,
        node.spec.engine or "default",
        age(node.started_at_ms, now_ms) if is_observed(node) and node.pid and node.started_at_ms else "",
        f"{node.sample.cpu_percent:.0f}%" if has_sample else "",
        size(node.sample.rss_bytes) if has_sample else "",
        node.restarts,
        "" if is_well else printable(node.message) or node.reason,
    )
