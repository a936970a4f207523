"""A data disk that can be unmounted and mounted again with what is on it: a directory, bound to a mount point."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.needs import skip_for


class DataDisk:
    """``contents`` mounted at ``point``. Unmounting is lazy, as after a device is lost: open files stay usable."""

    def __init__(self, contents: Path, point: Path) -> None:
        self.contents = contents
        self.point = point
        for directory in (contents, point):
            directory.mkdir(parents=True, exist_ok=True)

    def mount(self) -> None:
        done = subprocess.run(
            ["mount", "--bind", str(self.contents), str(self.point)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            skip_for(f"the right to mount: {done.stderr.strip()}")

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", str(self.point)], capture_output=True, check=False)


@contextmanager
def mounted_disk(contents: Path, point: Path) -> Iterator[DataDisk]:
    """A disk that is mounted; leaving the context unmounts it."""
    disk = DataDisk(contents, point)
    disk.mount()
    try:
        yield disk
    finally:
        disk.unmount()
