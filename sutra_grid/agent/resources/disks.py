"""The file systems that an agent needs: of its nodes' data, of its state, of the nodes' logs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sutra_grid.core.samples import DiskSample


def sample_disks(places: Mapping[str, Path]) -> tuple[DiskSample, ...]:
    """One sample for each file system of ``places`` (a path by its use). Those that can't be read are missing."""
    found: dict[int, DiskSample] = {}
    for use, path in places.items():
        try:
            device, usage = os.stat(path).st_dev, os.statvfs(path)
        except OSError:
            continue
        known = found.get(device)
        if known is not None:
            found[device] = DiskSample((*known.uses, use), known.path, known.total_bytes, known.free_bytes)
        else:
            # As psutil and df: the total counts what only root may use, what is free does not.
            total, free = usage.f_blocks * usage.f_frsize, usage.f_bavail * usage.f_frsize
            found[device] = DiskSample((use,), str(path), total, free)
    return tuple(found.values())
