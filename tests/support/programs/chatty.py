"""A storage node that writes much to its log when it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

LINES = 60

_SOURCE = f"""#!/bin/sh
for number in $(seq {LINES}); do echo "line $number of process $$"; done
exec sleep 1000
"""


def chatty_engine(directory: Path) -> dict[str, Any]:
    """The program, written below ``directory``, as an agent's ``[engines.NAME]`` table."""
    path = directory / "chatty.sh"
    path.write_text(_SOURCE)
    path.chmod(0o755)
    return {"binary_path": str(path), "args": [], "health_probe": "none"}
