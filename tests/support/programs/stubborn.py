"""A storage node that ignores its stop signal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

_SOURCE = f"""#!{sys.executable} -SE
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    signal.pause()
"""


def stubborn_engine(directory: Path, grace_seconds: float) -> dict[str, Any]:
    """The program, written below ``directory``, as an agent's ``[engines.NAME]`` table."""
    path = directory / "stubborn"
    path.write_text(_SOURCE)
    path.chmod(0o755)
    return {"binary_path": str(path), "args": [], "health_probe": "none", "stop_grace_secs": grace_seconds}
