"""What an agent measures: the resources that nodes and its host use. Sizes are in bytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeSample:
    """Resources that the processes of a node use together. ``cpu_percent`` is of one CPU.

    ``rss_bytes``: resident memory, in which a page that several of them share counts once where the host allows to
    measure that. ``processes``: 0 from an agent that measured only the first one.
    """

    at_ms: int = 0
    cpu_percent: float = 0.0
    rss_bytes: int = 0
    uptime_ms: int = 0
    threads: int = 0
    open_files: int = 0
    processes: int = 0


@dataclass(frozen=True, slots=True)
class DiskSample:
    """One file system of an agent's host. ``uses`` are data, state and logs: what the agent has there, at ``path``."""

    uses: tuple[str, ...]
    path: str
    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class HostSample:
    """Resources of an agent's host. ``cpu_percent`` is of all CPUs together; the disk is that of data_path.

    ``disks`` are all file systems that the agent needs, each once; empty from an agent that does not tell them.
    """

    at_ms: int = 0
    cpu_percent: float = 0.0
    cpu_count: int = 0
    memory_total_bytes: int = 0
    memory_available_bytes: int = 0
    disk_total_bytes: int = 0
    disk_free_bytes: int = 0
    load_average_1m: float = 0.0
    disk_reserve_bytes: int = 0
    disks: tuple[DiskSample, ...] = ()
