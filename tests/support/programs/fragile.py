"""A storage node that runs until its directory is damaged; then every start fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_SOURCE = """#!/bin/sh
if [ -e "$1/broken" ]; then
    echo "the fragile program found $1/broken" >&2
    exit 3
fi
exec sleep 1000
"""


def fragile_engine(directory: Path) -> dict[str, Any]:
    """The program, written below ``directory``, as an agent's ``[engines.NAME]`` table."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "fragile.sh"
    path.write_text(_SOURCE)
    path.chmod(0o755)
    return {"binary_path": str(path), "args": ["{storage_path}"], "health_probe": "none"}


def spoil(storage_path: str | Path) -> None:
    """From now on a fragile program on that path ends at once."""
    (Path(storage_path) / "broken").touch()


def mend(storage_path: str | Path) -> None:
    """The next start of the program stays up again."""
    (Path(storage_path) / "broken").unlink()
