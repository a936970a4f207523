"""A file system of a few MiB that a test can fill."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(directory: Path, size_mb: int) -> Iterator[Path]:
    """Mounts a tmpfs on the directory, which is made. Where that is not permitted the test is skipped; CI fails."""
    directory.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(directory)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        why = f"needs the right to mount a tmpfs: {done.stderr.strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    try:
        yield directory
    finally:  # lazily: even what a failed test left running can't keep the mount
        subprocess.run(["umount", "-l", str(directory)], capture_output=True, check=True)


def fill(directory: Path) -> Path:
    """Fill the file system of ``directory``; the file to remove to free it again."""
    filler = directory / "filler"
    with open(filler, "wb", buffering=0) as stream:
        for size in (65536, 1):
            try:
                while True:
                    stream.write(b"\0" * size)
            except OSError:
                continue
    return filler
