"""Filters and sort orders of lists, and what lists return besides core types."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sutra_grid.core.listed_status import ListedStatus
from sutra_grid.core.status import ShownStatus
from sutra_grid.core.types import Agent, AgentStatus, Health, Node, Reason
from sutra_grid.registry.lists.paging import DEFAULT_LIMIT


class NodeSort(StrEnum):
    """Sort keys of nodes. Status: what needs attention comes first."""

    ID = "id"
    AGENT = "agent"
    STATUS = "status"
    RESTARTS = "restarts"
    STARTED = "started"
    MEMORY = "memory"
    CPU = "cpu"
    CREATED = "created"


class AgentSort(StrEnum):
    """Sort keys of agents. Status: what needs attention comes first."""

    ID = "id"
    STATUS = "status"
    USED = "used"
    HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True)
class NodeQuery:
    """Nodes to list; an empty or None field means any.

    ``text`` is searched in ids, engines and endpoints, ignoring case. ``attention``: only those for which
    ``core.status.needs_attention`` is true, or only the others.
    """

    agent_id: str = ""
    status: ListedStatus | None = None
    engine: str = ""
    health: Health | None = None
    text: str = ""
    attention: bool | None = None
    sort: NodeSort = NodeSort.ID
    descending: bool = False
    cursor: str = ""
    limit: int = DEFAULT_LIMIT

    @property
    def is_filtered(self) -> bool:
        """Whether a filter is set."""
        chosen = (self.agent_id, self.status, self.engine, self.health, self.text)
        return any(chosen) or self.attention is not None


@dataclass(frozen=True, slots=True)
class AgentQuery:
    """Agents to list; an empty or None field means any.

    ``label`` is a label's name, or ``name=value``; ``text`` is searched in ids, host names and endpoints.
    """

    status: AgentStatus | None = None
    drained: bool | None = None
    platform: str = ""
    label: str = ""
    text: str = ""
    sort: AgentSort = AgentSort.ID
    descending: bool = False
    cursor: str = ""
    limit: int = DEFAULT_LIMIT


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Events to list; an empty, zero or None field means any.

    ``kind`` is a kind or its first part. ``after_event_id`` reads forward from that id; without it,
    the newest events are read, or the newest before ``before_event_id``. Times are inclusive.
    ``text`` is searched in message, kind, reason and ids, ignoring case. ``actor`` is a kind of actor or a name, see
    ``core.actor_names``.
    """

    after_event_id: int = 0
    before_event_id: int = 0
    agent_id: str = ""
    node_id: str = ""
    kind: str = ""
    reason: Reason | None = None
    actor: str = ""
    since_ms: int = 0
    until_ms: int = 0
    text: str = ""
    limit: int = DEFAULT_LIMIT


class ListedNode(NamedTuple):
    """A node and its displayed status."""

    node: Node
    shown: ShownStatus


class ListedAgent(NamedTuple):
    """An agent, and how many of its slots are used: all its nodes except those being removed."""

    agent: Agent
    used_slots: int


class AgentCell(NamedTuple):
    """What the overview of a grid with thousands of agents shows of each."""

    agent_id: str
    status: AgentStatus
    used_slots: int
    max_storage_nodes: int
    drained: bool
