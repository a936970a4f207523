"""Thousands of agents as cells: what is wrong first, and each with its slots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from sutra_grid.core.types import AgentStatus
from sutra_grid.registry import AgentCell

#: Up to so many a cell has room for its name.
NAMED_CELLS: Final = 60
FILLS: Final = 4

_ORDER: Final = (AgentStatus.OFFLINE, AgentStatus.DEGRADED, AgentStatus.HEALTHY)


class Cell(NamedTuple):
    """``fill`` is how full it is, from 0 to ``FILLS``; ``title`` says everything in words."""

    agent_id: str
    slots: str
    fill: int
    title: str
    drained: bool


class CellGroup(NamedTuple):
    """The agents of one status."""

    status: AgentStatus
    cells: Sequence[Cell]


def cell_groups(cells: Iterable[AgentCell]) -> list[CellGroup]:
    """Offline, degraded, healthy; within each the drained ones last, then by id. Empty groups are left out."""
    groups: dict[AgentStatus, list[Cell]] = {status: [] for status in _ORDER}
    for each in sorted(cells, key=lambda cell: (cell.drained, cell.agent_id)):
        groups[each.status].append(_cell(each))
    return [CellGroup(status, found) for status, found in groups.items() if found]


def _cell(cell: AgentCell) -> Cell:
    slots = f"{cell.used_slots}/{cell.max_storage_nodes}"
    drained = ", drained" if cell.drained else ""
    title = f"{cell.agent_id}: {cell.status}{drained}, {cell.used_slots} of {cell.max_storage_nodes} slots used"
    return Cell(cell.agent_id, slots, _fill(cell.used_slots, cell.max_storage_nodes), title, cell.drained)


def _fill(used: int, of: int) -> int:
    """Only what is empty is 0, and only what is full is ``FILLS``."""
    if used <= 0 or of <= 0:
        return 0
    return FILLS if used >= of else 1 + used * (FILLS - 1) // of
