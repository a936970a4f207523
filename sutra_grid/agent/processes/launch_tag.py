"""The names that a launch gives to its process: the variables of its environment, its control group, its log file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

TAG_LAUNCH: Final = "SUTRA_GRID_LAUNCH"  # HOST_ID/NODE_ID/NUMBER
TAG_NODE_ID: Final = "SUTRA_GRID_NODE_ID"
TAG_AGENT_ID: Final = "SUTRA_GRID_AGENT_ID"
TAG_GENERATION: Final = "SUTRA_GRID_GENERATION"
TAG_ENGINE: Final = "SUTRA_GRID_ENGINE"
TAG_HOST: Final = "SUTRA_GRID_HOST"
TAG_PORT: Final = "SUTRA_GRID_PORT"
TAG_STORAGE_PATH: Final = "SUTRA_GRID_STORAGE_PATH"
TAG_MEMORY_LIMIT_MB: Final = "SUTRA_GRID_MEMORY_LIMIT_MB"

GROUP_PREFIX: Final = "sutra-grid-"  # of the directory that has the control groups of one state directory
LOG_SUFFIX: Final = ".log"


@dataclass(frozen=True, slots=True)
class LaunchTag:
    """Identifies one launch. It is in the environment of the launched process, and in that of no other launch."""

    host_id: str
    node_id: str
    launch: int

    def __str__(self) -> str:
        return f"{self.host_id}/{self.node_id}/{self.launch}"

    @classmethod
    def parse(cls, text: str) -> LaunchTag | None:
        """Read a tag; None when the text is not one."""
        parts = text.split("/")
        if len(parts) != 3 or not parts[2].isdecimal():
            return None
        return cls(parts[0], parts[1], int(parts[2]))


@dataclass(frozen=True, slots=True)
class LaunchMark:
    """What a launch is marked with: the tag in its environment, and the log file that its output goes to."""

    tag: LaunchTag
    log_path: Path
