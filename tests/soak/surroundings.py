"""What the soak can disturb: small disks and wall clocks for the grid alone, where the host permits them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.faults.tmpfs import small_disk
from support.faults.wall_clock import WallClock, wall_clock_or_skip

from soak.faults import CLOCKS, DISKS
from soak.scene import Surroundings

MASTER = "master"
REGISTRY_DISK_MB = 64
AGENT_DISK_MB = 512


@contextmanager
def surroundings(root: Path, agents: Sequence[str]) -> Iterator[Surroundings]:
    """Disks and clocks for a master and ``agents`` below ``root``. Leave the context after everything that uses them.

    ``left_out`` says what the host does not permit; with ``CI=true`` that is an error.
    """
    directories = {MASTER: registry_of(root).parent, **{agent: root / agent for agent in agents}}
    disks: dict[str, Path] = {}
    clocks: dict[str, WallClock] = {}
    left_out: dict[str, str] = {}
    with ExitStack() as stack:
        try:
            for name, directory in directories.items():
                size_mb = REGISTRY_DISK_MB if name == MASTER else AGENT_DISK_MB
                disks[name] = stack.enter_context(small_disk(directory, size_mb))
        except pytest.skip.Exception as skipped:
            disks.clear()
            left_out |= dict.fromkeys(DISKS, str(skipped))
        try:
            for name in directories:
                clocks[name] = stack.enter_context(wall_clock_or_skip(root))
        except pytest.skip.Exception as skipped:
            clocks.clear()
            left_out |= dict.fromkeys(CLOCKS, str(skipped))
        yield Surroundings(disks, clocks, left_out)


def registry_of(root: Path) -> Path:
    """The path of the registry, on the disk that can be filled."""
    return root / "registry" / "registry.db"
