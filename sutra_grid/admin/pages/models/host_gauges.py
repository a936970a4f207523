"""Usage of an agent's host: CPU, memory, disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sutra_grid.core.agent.host_changes import is_disk_low, low_other_disks, other_disks
from sutra_grid.core.samples import HostSample
from sutra_grid.core.size import size


class Gauge(NamedTuple):
    """Usage of a resource. ``percent`` is from 0 to 100."""

    title: str
    percent: int
    text: str
    is_bad: bool


def gauges(host: HostSample) -> Sequence[Gauge]:
    """Gauges for CPU, memory and disk of an agent's host."""
    cpu = round(host.cpu_percent)
    result = [Gauge("CPU", cpu, f"{cpu}% of {host.cpu_count} CPUs, load {host.load_average_1m:.2f}", False)]
    if host.memory_total_bytes:
        result.append(_used("Memory", host.memory_total_bytes, host.memory_available_bytes, False))
    if host.disk_total_bytes:
        result.append(_used("Data disk", host.disk_total_bytes, host.disk_free_bytes, is_disk_low(host)))
    low = low_other_disks(host)
    for disk in other_disks(host):
        if disk.total_bytes:
            title = f"Disk of {' and '.join(disk.uses)}"
            result.append(_used(title, disk.total_bytes, disk.free_bytes, disk in low))
    return result


def _used(title: str, total: int, free: int, is_bad: bool) -> Gauge:
    percent = round(100 * (total - free) / total)
    return Gauge(title, percent, f"{size(free)} free of {size(total)}", is_bad)
