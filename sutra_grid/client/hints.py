"""The commands of an interface that a hint names, such as ``sutra-grid-cli nodes list`` or ``GET /nodes``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hints:
    """The commands of one interface. ``{}`` stands for an id."""

    list_nodes: str
    show_node: str
    show_agent: str
    remove_agent: str
    check_change: str
    """How to find out whether a change was applied, as a sentence."""
