"""Samples what nodes and host use: CPU, memory, threads, files, disk. Keeps a bounded history.

A node is all processes of its launch. One thread takes the samples; any thread reads them.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

import psutil

from sutra_grid.agent.processes.identity import TICKS_PER_SECOND, open_files, ticks_since_boot
from sutra_grid.agent.processes.process_table import ProcessEntry
from sutra_grid.agent.report import NodeView
from sutra_grid.agent.resources.cpu_account import CpuAccount
from sutra_grid.agent.resources.disks import sample_disks
from sutra_grid.agent.resources.node_members import NodeMembers
from sutra_grid.agent.resources.resident_memory import ResidentMemory
from sutra_grid.core.agent.host_changes import DATA
from sutra_grid.core.samples import HostSample, NodeSample
from sutra_grid.runtime.clock import Clock, wall_ms

HISTORY: Final = 720  # samples per node: an hour at one sample every 5 s


_LEAST_CPU_SECONDS: Final = 0.5  # the kernel counts CPU time in hundredths: a shorter time shows noise

GroupBytes = Callable[[str, int], int]


class ResourceSampler:
    """The samples of one host and its nodes.

    ``group_bytes`` (node id, launch) returns the resident memory that the control group of a launch counts; 0 without a
    group. It is used where the processes can't be measured themselves. ``places`` are the other directories whose disks
    are sampled, by their use.
    """

    def __init__(
        self,
        data_path: Path,
        clock: Clock,
        members: NodeMembers,
        *,
        disk_reserve_bytes: int = 0,
        places: Mapping[str, Path] | None = None,
        group_bytes: GroupBytes = lambda node_id, launch: 0,
    ) -> None:
        self._data_path = data_path
        self._disk_reserve_bytes = disk_reserve_bytes
        self._places = {DATA: data_path, **(places or {})}
        self._clock = clock
        self._members = members
        self._group_bytes = group_bytes
        # These three are used by the sampling thread only.
        self._memory = ResidentMemory()
        self._cpu: dict[str, CpuAccount] = {}
        self._cpu_percent: dict[str, float] = {}
        self._lock = threading.Lock()  # guards _histories, _launches and _host
        self._histories: dict[str, deque[NodeSample]] = {}
        self._launches: dict[str, int] = {}  # of which launch the newest sample is
        self._host: HostSample | None = None
        psutil.cpu_percent()  # the first call returns 0 and starts the measurement

    def take_samples(self, views: Iterable[NodeView]) -> None:
        """Sample the host and every node that has a process. Drop the history of nodes that are not in ``views``."""
        shown = {view.runtime.node_id: view for view in views}
        at_ticks = ticks_since_boot()
        launches = self._members.look(shown.values())
        self._memory.start_round(launches.values())
        samples = {node_id: self._sample(shown[node_id], members, at_ticks) for node_id, members in launches.items()}
        host = self._sample_host()
        for gone in self._cpu.keys() - samples.keys():
            del self._cpu[gone], self._cpu_percent[gone]
        with self._lock:
            self._host = host
            for gone in self._histories.keys() - shown.keys():
                del self._histories[gone], self._launches[gone]
            for node_id, sample in samples.items():
                self._histories.setdefault(node_id, deque(maxlen=HISTORY)).append(sample)
                self._launches[node_id] = shown[node_id].runtime.record.launches

    def newest(self, node_id: str, launch: int) -> NodeSample | None:
        """The last sample of a node; None if it is of an earlier launch."""
        with self._lock:
            history = self._histories.get(node_id)
            return history[-1] if history and self._launches[node_id] == launch else None

    def history(self, node_id: str) -> list[NodeSample]:
        """All samples of a node that are kept, oldest first."""
        with self._lock:
            return list(self._histories.get(node_id, ()))

    def host(self) -> HostSample | None:
        """The last sample of the host."""
        with self._lock:
            return self._host

    def _sample(self, view: NodeView, members: Collection[ProcessEntry], at_ticks: float) -> NodeSample:
        node_id, record = view.runtime.node_id, view.runtime.record
        return NodeSample(
            at_ms=wall_ms(self._clock),
            cpu_percent=self._measure_cpu(node_id, members, at_ticks),
            rss_bytes=self._resident_bytes(view, members),
            uptime_ms=max(0, int((self._clock.monotonic() - record.launched_at) * 1000)),
            threads=sum(entry.threads for entry in members),
            open_files=sum(open_files(entry.pid) for entry in members),
            processes=len(members),
        )

    def _resident_bytes(self, view: NodeView, members: Collection[ProcessEntry]) -> int:
        """Resident memory in which a shared page counts once; the plain sum where nothing better is known."""
        measured = self._memory.resident_bytes(members)
        if measured is not None:
            return measured
        process = view.runtime.record.process
        counted = self._group_bytes(view.runtime.node_id, process.launch) if process is not None else 0
        return counted or sum(entry.resident_bytes for entry in members)

    def _measure_cpu(self, node_id: str, members: Collection[ProcessEntry], at_ticks: float) -> float:
        """CPU use since the previous look in percent of one CPU; 0 at the first one."""
        account = self._cpu.get(node_id)
        if account is None:
            self._cpu[node_id], _ = CpuAccount().advance(members, at_ticks)
            self._cpu_percent[node_id] = 0.0
        elif (elapsed_ticks := at_ticks - account.at_ticks) >= _LEAST_CPU_SECONDS * TICKS_PER_SECOND:
            self._cpu[node_id], used_ticks = account.advance(members, at_ticks)
            self._cpu_percent[node_id] = 100.0 * used_ticks / elapsed_ticks
        return self._cpu_percent[node_id]

    def _sample_host(self) -> HostSample:
        memory = psutil.virtual_memory()
        disk_total, disk_free = _disk_bytes(self._data_path)
        return HostSample(
            at_ms=wall_ms(self._clock),
            cpu_percent=psutil.cpu_percent(),
            cpu_count=os.cpu_count() or 1,
            memory_total_bytes=memory.total,
            memory_available_bytes=memory.available,
            disk_total_bytes=disk_total,
            disk_free_bytes=disk_free,
            load_average_1m=os.getloadavg()[0],
            disk_reserve_bytes=self._disk_reserve_bytes,
            disks=sample_disks(self._places),
        )


def _disk_bytes(path: Path) -> tuple[int, int]:
    """Size and free space of the file system; zeros when they can't be read."""
    try:
        disk = psutil.disk_usage(str(path))
    except OSError:
        return 0, 0
    return disk.total, disk.free
