"""How much memory a process holds, by the kernel's summary of its mappings: ``/proc/PID/smaps_rollup``, see proc(5).

The kernel walks the page tables for it. That takes about a millisecond per 100 MiB, so callers read it with care.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_KIB: Final = 1024
_UNRECLAIMABLE: Final = ("Pss_Anon", "Pss_Shmem", "SwapPss")


@dataclass(frozen=True, slots=True)
class MemoryMap:
    """Memory of one process, with its share of the pages that it shares: a page of four processes counts a quarter.

    ``unreclaimable_bytes``: what the kernel can't take back (not mapped files), with swap; None before Linux 5.4.
    """

    proportional_bytes: int
    unreclaimable_bytes: int | None


def memory_map(pid: int, proc: Path = _PROC) -> MemoryMap | None:
    """The memory of a process. None when the kernel does not report it, or not to this user."""
    try:
        lines = (proc / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return None
    kib = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    if "Pss" not in kib:
        return None  # a process without memory of its own, such as a kernel thread
    held = sum(kib.get(name, 0) for name in _UNRECLAIMABLE) * _KIB if "Pss_Anon" in kib else None
    return MemoryMap(kib["Pss"] * _KIB, held)
