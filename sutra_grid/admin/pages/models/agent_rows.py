"""Agents as table rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sutra_grid.admin.pages.models.badges import Badge, badge
from sutra_grid.core.agent.host_changes import is_disk_low, low_other_disks
from sutra_grid.core.agent.reachability import remedy
from sutra_grid.core.size import size
from sutra_grid.core.text import printable
from sutra_grid.core.types import Agent, AgentStatus, ReachState
from sutra_grid.registry import ListedAgent


class AgentRow(NamedTuple):
    """``message`` is the reason of the status, empty when healthy."""

    agent_id: str
    badge: Badge
    drained: bool
    insecure: tuple[str, ...]
    slots: str
    hostname: str
    platform: str
    cpu: str
    memory_free: str
    disk_free: str
    heartbeat_ms: int
    message: str


def agent_rows(agents: Iterable[ListedAgent]) -> list[AgentRow]:
    """One row per agent, in the given order."""
    return [_row(agent, used) for agent, used in agents]


def status_reason(agent: Agent) -> str:
    """The reason of an agent's status, empty when healthy."""
    if agent.status is not AgentStatus.HEALTHY:
        return printable(agent.message) or agent.reason
    if agent.reachability.state is ReachState.UNREACHABLE:
        found = agent.reachability
        return f"the master can't call it back ({found.reason}): {printable(found.message)}. {remedy(found.reason)}"
    if is_disk_low(agent.host):
        return "low disk space: accepts no new nodes"
    if low := low_other_disks(agent.host):
        return f"low disk space for {' and '.join(use for disk in low for use in disk.uses)}"
    return ""


def _row(agent: Agent, used: int) -> AgentRow:
    host = agent.host if agent.status is not AgentStatus.OFFLINE else None  # else it is of its last report
    return AgentRow(
        agent.agent_id,
        badge(agent.status),
        agent.drained,
        agent.insecure,
        f"{used}/{agent.max_storage_nodes}",
        printable(agent.hostname),
        agent.platform,
        f"{host.cpu_percent:.0f}%" if host else "",
        size(host.memory_available_bytes) if host else "",
        size(host.disk_free_bytes) if host else "",
        agent.last_heartbeat_ms,
        status_reason(agent),
    )
