"""Agents as rows, and one agent's host in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sutra_grid.admin.pages.models.badges import Badge, badge
from sutra_grid.core.host_changes import is_disk_low
from sutra_grid.core.size import size
from sutra_grid.core.text import printable
from sutra_grid.core.types import Agent, AgentStatus, HostSample
from sutra_grid.registry import ListedAgent


class AgentRow(NamedTuple):
    """``why`` is empty while all is well."""

    agent_id: str
    badge: Badge
    drained: bool
    slots: str
    hostname: str
    platform: str
    cpu: str
    memory_free: str
    disk_free: str
    heartbeat_ms: int
    why: str


class Gauge(NamedTuple):
    """How much of something is used; ``share`` from 0 to 100."""

    title: str
    share: int
    words: str
    is_bad: bool


def agent_rows(agents: Iterable[ListedAgent]) -> list[AgentRow]:
    """One row each, in their order."""
    return [_row(agent, used) for agent, used in agents]


def gauges(host: HostSample) -> Sequence[Gauge]:
    """CPU, memory and disk of an agent's host."""
    cpu = round(host.cpu_percent)
    found = [Gauge("CPU", cpu, f"{cpu}% of {host.cpu_count}, load {host.load_average_1m:.2f}", False)]
    if host.memory_total_bytes:
        found.append(_used("Memory", host.memory_total_bytes, host.memory_available_bytes, False))
    if host.disk_total_bytes:
        found.append(_used("Disk of its data", host.disk_total_bytes, host.disk_free_bytes, is_disk_low(host)))
    return found


def status_reason(agent: Agent) -> str:
    """The reason of its status in words; empty while all is well."""
    if agent.status is not AgentStatus.HEALTHY:
        return printable(agent.message) or agent.reason
    if is_disk_low(agent.host):
        return "low disk: it takes no new nodes"
    return ""


def _row(agent: Agent, used: int) -> AgentRow:
    host = agent.host
    return AgentRow(
        agent.agent_id,
        badge(agent.status),
        agent.drained,
        f"{used}/{agent.max_storage_nodes}",
        printable(agent.hostname),
        agent.platform,
        f"{host.cpu_percent:.0f}%" if host else "",
        size(host.memory_available_bytes) if host else "",
        size(host.disk_free_bytes) if host else "",
        agent.last_heartbeat_ms,
        status_reason(agent),
    )


def _used(title: str, total: int, free: int, is_bad: bool) -> Gauge:
    share = round(100 * (total - free) / total)
    return Gauge(title, share, f"{size(free)} free of {size(total)}", is_bad)
