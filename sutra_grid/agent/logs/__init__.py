"""The logs of the nodes: the files that nodes append to, their rotated parts, and reading all of it by offset.

``NodeLogs`` is what the rest of the agent uses.
"""

from __future__ import annotations

from sutra_grid.agent.logs.reading import Chunk
from sutra_grid.agent.logs.store import NodeLogs

__all__ = ["Chunk", "NodeLogs"]
