"""The files of one SQLite database, and their directory."""

from __future__ import annotations

from pathlib import Path

#: Suffixes of the files beside the main file while it is in use: the write-ahead log and its index.
BESIDE = ("-wal", "-shm")


def beside(file: Path, suffix: str) -> Path:
    """The file with ``suffix`` appended to its name."""
    return file.with_name(file.name + suffix)
