"""The words that lists show as a node's status, and by which they are filtered. Pure.

Two of them say more than the status: a node that runs may be ``unhealthy``, and one that starts may be in its
``back-off``. As a filter, ``running`` finds all that run, unhealthy ones too, and ``starting`` those in back-off too.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sutra_grid.core.types import Health, NodeReport, NodeStatus


class ListedStatus(StrEnum):
    """The statuses of a node, and the two words that lists show in their place."""

    STARTING = "starting"
    BACK_OFF = "back-off"
    RUNNING = "running"
    UNHEALTHY = "unhealthy"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def status(self) -> NodeStatus:
        """The status that every node with this word has."""
        return _PART_OF.get(self) or NodeStatus(self)


_PART_OF: Final = {
    ListedStatus.BACK_OFF: NodeStatus.STARTING,
    ListedStatus.UNHEALTHY: NodeStatus.RUNNING,
}


def listed_status(status: str, health: str, backoff_ms: int, pid: int) -> str:
    """The word that lists show. A status of a newer version is its own word."""
    if status == NodeStatus.RUNNING and health == Health.UNHEALTHY:
        return ListedStatus.UNHEALTHY
    if status == NodeStatus.STARTING and backoff_ms and not pid:
        return ListedStatus.BACK_OFF
    return status


def is_listed_as(wanted: ListedStatus, status: NodeStatus, report: NodeReport | None) -> bool:
    """Whether the filter ``wanted`` finds a node with that status and last report."""
    if status is not wanted.status:
        return False
    if wanted not in _PART_OF:
        return True
    return report is not None and listed_status(status, report.health, report.backoff_ms, report.pid) == wanted
