"""Agents as cells of a grid, unhealthy ones first, each with its slots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from sutra_grid.core.types import AgentStatus
from sutra_grid.registry import AgentCell

#: With more agents the cells are too small for names.
NAMED_CELLS: Final = 60
FILLS: Final = 4

_ORDER: Final = (AgentStatus.OFFLINE, AgentStatus.DEGRADED, AgentStatus.HEALTHY)


class Cell(NamedTuple):
    """``fill`` is the share of slots used, from 0 to ``FILLS``. ``title`` is the description as text."""

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
    """Groups in the order offline, degraded, healthy. Within a group drained agents come last. Omits empty groups."""
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
    """0 only when no slot is used, ``FILLS`` only when all are."""
    if used <= 0 or of <= 0:
        return 0
    return FILLS if used >= of else 1 + used * (FILLS - 1) // of
