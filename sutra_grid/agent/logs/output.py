"""Where the standard output of a node's process goes, as the kernel tells it in ``/proc``."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sutra_grid.agent.logs.parts import FileKey
from sutra_grid.agent.processes.identity import start_ticks
from sutra_grid.core.node.record import ProcessIdentity

_DELETED: Final = " (deleted)"


@dataclass(frozen=True, slots=True)
class Output:
    """A regular file that a process writes to. ``path`` is its present name; ``deleted``: it has none any more."""

    key: FileKey
    link: str
    path: Path
    deleted: bool


def output_of(process: ProcessIdentity | None) -> Output | None:
    """The output of a process; None when it is no file, or this user can't see it."""
    if process is None:
        return None
    link = f"/proc/{process.pid}/fd/1"
    try:
        status = os.stat(link)
        target = os.readlink(link)
    except OSError:
        return None
    # Afterwards: what was read belongs to this process, not to a later one with its pid.
    if not stat.S_ISREG(status.st_mode) or start_ticks(process.pid) != process.start_ticks:
        return None
    deleted = status.st_nlink == 0
    path = Path(target.removesuffix(_DELETED) if deleted else target)
    return Output((status.st_dev, status.st_ino), link, path, deleted)
