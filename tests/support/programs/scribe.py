"""A node that writes to its log what a test tells it to, through a named pipe in its directory."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

PIPE: Final = "lines"

_SOURCE = f"""#!{sys.executable} -SE
import os
try:
    os.mkfifo("{PIPE}")
except FileExistsError:
    pass
with open(os.open("{PIPE}", os.O_RDWR), "rb") as pipe:  # open for writing too: it never ends
    for line in pipe:
        try:
            os.write(1, line)
        except OSError:
            pass  # its disk is full, and it works on
"""


def scribe_engine(directory: Path) -> dict[str, Any]:
    """The program, written below ``directory``, as an agent's ``[engines.NAME]`` table."""
    path = directory / "scribe"
    path.write_text(_SOURCE)
    path.chmod(0o755)
    return {"binary_path": str(path), "args": [], "health_probe": "none"}


def write_lines(storage_path: Path, lines: Iterable[str]) -> None:
    """Let the node of that path write these lines. Returns when it has them in its pipe."""
    with open(storage_path / PIPE, "wb") as pipe:
        pipe.write("".join(f"{line}\n" for line in lines).encode())


def wait_pipe(storage_path: Path) -> bool:
    """Whether the node reads already."""
    return (storage_path / PIPE).exists() and os.access(storage_path / PIPE, os.W_OK)
