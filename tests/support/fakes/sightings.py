"""What an agent sees of a process, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sutra_grid.agent.processes.launch_tag import LaunchTag
from sutra_grid.agent.processes.sightings import FileKey, OpenFile


@dataclass(frozen=True)
class FakeSighting:
    """A process with a cleaned environment that shows nothing, unless a test says otherwise."""

    pid: int = 77
    start_ticks: int = 770
    name: str = "program"
    session: int = 77
    parent: int = 1
    has_terminal: bool = False
    argv: tuple[str, ...] | None = ("program",)
    variables: Mapping[str, str] | None = None
    directory: FileKey | None = None
    outputs: tuple[OpenFile, ...] | None = ()
    group: LaunchTag | None = None
    shares_files: bool = True
    still_lives: bool = True
