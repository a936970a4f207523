"""A status as a word, a tone and a sign of its own, so that it is never told by colour alone."""

from __future__ import annotations

from typing import Final, NamedTuple

from sutra_grid.core.age import duration
from sutra_grid.core.types import AgentStatus, ClusterHealth, Health, NodeStatus
from sutra_grid.wire import grid_pb2 as pb


class Badge(NamedTuple):
    """``tone`` is a class of the style sheet: good, busy, warn, bad, lost, rest."""

    word: str
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
    Health.UNHEALTHY: "warn",
}
_SIGNS: Final = {"good": "●", "busy": "◐", "warn": "▲", "bad": "✕", "lost": "?", "rest": "■"}


def badge(word: str) -> Badge:
    """Of an agent's, a node's or the grid's status."""
    tone = _TONES.get(word, "lost")
    return Badge(word or "unknown", tone, _SIGNS[tone])


def node_badge(node: pb.NodeStatus) -> Badge:
    """With what a person must not miss: a failing probe, a wait before the next start, a removal under way."""
    if node.status == NodeStatus.RUNNING and node.health == Health.UNHEALTHY:
        return badge(Health.UNHEALTHY)
    if node.status == NodeStatus.STARTING and node.backoff_ms and not node.pid:
        return Badge(f"back-off {duration(node.backoff_ms / 1000)}", "warn", _SIGNS["warn"])
    return badge(node.status)
