"""Samples what nodes and host use: CPU, memory, threads, files, disk. Keeps a bounded history.

One thread takes the samples; any thread reads them.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import psutil

from sutra_grid.agent.processes.identity import start_ticks
from sutra_grid.agent.report import NodeView
from sutra_grid.core.node.record import ProcessIdentity
from sutra_grid.core.types import HostSample, NodeSample
from sutra_grid.runtime.clock import Clock, wall_ms

HISTORY: Final = 720  # samples per node: an hour at one sample every 5 s


class ResourceSampler:
    """The samples of one host and its nodes."""

    def __init__(self, data_path: Path, clock: Clock, disk_reserve_bytes: int = 0) -> None:
        self._data_path = data_path
        self._disk_reserve_bytes = disk_reserve_bytes
        self._clock = clock
        self._processes: dict[str, tuple[ProcessIdentity, psutil.Process]] = {}  # used by the sampling thread only
        self._lock = threading.Lock()  # guards _histories and _host
        self._histories: dict[str, deque[NodeSample]] = {}
        self._host: HostSample | None = None
        psutil.cpu_percent()  # the first call returns 0 and starts the measurement

    def take_samples(self, views: Iterable[NodeView]) -> None:
        """Sample the host and every node that has a process. Drop the history of nodes that are not in ``views``."""
        shown = {view.runtime.node_id: view for view in views}
        samples = {node_id: sample for node_id, view in shown.items() if (sample := self._sample(node_id, view))}
        host = self._sample_host()
        for gone in self._processes.keys() - samples.keys():
            del self._processes[gone]
        with self._lock:
            self._host = host
            for gone in self._histories.keys() - shown.keys():
                del self._histories[gone]
            for node_id, sample in samples.items():
                self._histories.setdefault(node_id, deque(maxlen=HISTORY)).append(sample)

    def newest(self, node_id: str) -> NodeSample | None:
        """The last sample of a node."""
        with self._lock:
            history = self._histories.get(node_id)
            return history[-1] if history else None

    def history(self, node_id: str) -> list[NodeSample]:
        """All samples of a node that are kept, oldest first."""
        with self._lock:
            return list(self._histories.get(node_id, ()))

    def host(self) -> HostSample | None:
        """The last sample of the host."""
        with self._lock:
            return self._host

    def _sample(self, node_id: str, view: NodeView) -> NodeSample | None:
        record = view.runtime.record
        if record.process is None:
            return None
        try:
            process = self._process(node_id, record.process)
            with process.oneshot():
                return NodeSample(
                    at_ms=wall_ms(self._clock),
                    cpu_percent=process.cpu_percent(),
                    rss_bytes=process.memory_info().rss,
                    uptime_ms=max(0, int((self._clock.monotonic() - record.launched_at) * 1000)),
                    threads=process.num_threads(),
                    open_files=process.num_fds(),
                )
        except psutil.Error:
            return None  # the process has just ended, or this user can't read it

    def _process(self, node_id: str, identity: ProcessIdentity) -> psutil.Process:
        """The same object each time, because cpu_percent measures since its previous call."""
        known = self._processes.get(node_id)
        if known is not None and known[0] == identity:
            return known[1]
        process = psutil.Process(identity.pid)
        if start_ticks(identity.pid) != identity.start_ticks:
            raise psutil.NoSuchProcess(identity.pid)
        process.cpu_percent()
        self._processes[node_id] = (identity, process)
        return process

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
        )


def _disk_bytes(path: Path) -> tuple[int, int]:
    """Size and free space of the file system; zeros when they can't be read."""
    try:
        disk = psutil.disk_usage(str(path))
    except OSError:
        return 0, 0
    return disk.total, disk.free
