"""Reads and writes the files of a control group."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Write to an existing file. Raises ``FileNotFoundError`` when the kernel does not have it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_TRUNC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def read_names(path: Path) -> list[str]:
    """The names in a file, separated by spaces. Raises ``OSError``."""
    return path.read_text().split()


def read_number(path: Path) -> int:
    """The number in a file. Raises ``OSError``."""
    return int(path.read_text())


def read_table(path: Path) -> Mapping[str, int]:
    """The lines of a name and a number in a file. Raises ``OSError``."""
    lines = (line.split() for line in path.read_text().splitlines())
    return {fields[0]: int(fields[1]) for fields in lines if len(fields) == 2}
