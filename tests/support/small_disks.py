"""File systems that are really full: a small tmpfs of a test's own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(directory: Path, size: str) -> Iterator[Path]:
    """A tmpfs of ``size`` at ``directory``. Where it is not permitted the test is skipped and says why; CI fails."""
    directory.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if os.environ.get("CI") == "true":
            raise AssertionError(f"CI has to run this, and no tmpfs may be mounted: {done.stderr}")
        pytest.skip(f"needs the right to mount a tmpfs: {done.stderr.strip()}")
    try:
        yield directory
    finally:  # lazily: even what a failed test left running can't keep the mount
        subprocess.run(["umount", "-l", str(directory)], capture_output=True, check=True)


def fill(directory: Path) -> Path:
    """Take the last byte; the file that has it."""
    filler = directory / "filler"
    with open(filler, "wb", buffering=0) as stream:
        for size in (65536, 1):
            try:
                while True:
                    stream.write(b"\0" * size)
            except OSError:
                continue
    return filler
