"""A status as text, colour and sign, so that it is readable without colours."""

from __future__ import annotations

from typing import Final, NamedTuple

from sutra_grid.client.descriptions import node_status
from sutra_grid.core.listed_status import ListedStatus, listed_status
from sutra_grid.core.types import AgentStatus, ClusterHealth, NodeStatus
from sutra_grid.wire import grid_pb2 as pb


class Badge(NamedTuple):
    """``tone`` is a CSS class: good, busy, warn, bad, lost, rest."""

    label: str
    tone: str
    sign: str


_TONES: Final[dict[str, str]] = {
    NodeStatus.RUNNING: "good",
    NodeStatus.STARTING: "busy",
    NodeStatus.STOPPING: "busy",
    NodeStatus.STOPPED: "rest",
    NodeStatus.FAILED: "bad",
    NodeStatus.UNKNOWN: "lost",
    AgentStatus.HEALTHY: "good",
    AgentStatus.DEGRADED: "warn",
    AgentStatus.OFFLINE: "bad",
    ClusterHealth.CRITICAL: "bad",
    ListedStatus.UNHEALTHY: "warn",
    ListedStatus.BACK_OFF: "warn",
}
_SIGNS: Final = {"good": "●", "busy": "◐", "warn": "▲", "bad": "✕", "lost": "?", "rest": "■"}


#: Of a node that runs again after a crash, where that is why it is shown.
UNSTABLE: Final = Badge("unstable", "warn", _SIGNS["warn"])


def badge(status: str) -> Badge:
    """The badge of a status of an agent, a node or the grid."""
    tone = _TONES.get(status, "lost")
    return Badge(status or "unknown", tone, _SIGNS[tone])


def grid_badge(status: ClusterHealth) -> Badge:
    """The badge of the grid. Grey when nobody can say how it is."""
    return Badge(status.value, "rest", _SIGNS["lost"]) if status is ClusterHealth.UNKNOWN else badge(status)


def node_badge(node: pb.NodeStatus) -> Badge:
    """The badge of a node, which also shows a failing health probe and a back-off."""
    word = listed_status(node.status, node.health, node.backoff_ms, node.pid)
    return badge(word)._replace(label=node_status(node) or NodeStatus.UNKNOWN)
