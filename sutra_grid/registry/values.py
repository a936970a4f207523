"""What the registry takes and returns besides core types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sutra_grid.core.samples import HostSample
from sutra_grid.core.status import Facts
from sutra_grid.core.types import Agent, AgentStatus, Event, Node, NodeReport


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """A client's mutating call under its idempotency key, kept so that a retry gets the first answer.

    ``fingerprint`` is a digest of the call's content; ``outcome`` is the serialized answer, None
    while the call is in progress.
    """

    idempotency_key: str
    method: str
    fingerprint: str
    node_id: str
    created_at_ms: int
    outcome: bytes | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """Agents, nodes and the generations of removed nodes: everything that decides what should run.

    ``removed_agents`` are those removed since the master's start; only a running master knows them.
    """

    agents: Sequence[Agent] = ()
    nodes: Sequence[Node] = ()
    tombstones: Mapping[str, int] = field(default_factory=dict)
    removed_agents: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Observations:
    """What was observed since the last write: one batch.

    Only existing rows are updated; agents and nodes that were removed meanwhile are skipped. Of
    ``agents`` only the status columns are written. ``master_at_ms``: the master runs at this time; None: as recorded.
    """

    heartbeats: Mapping[str, int] = field(default_factory=dict)
    agents: Sequence[Agent] = ()
    hosts: Mapping[str, HostSample] = field(default_factory=dict)
    reports: Sequence[NodeReport] = ()
    events: Sequence[Event] = ()
    master_at_ms: int | None = None


class AgentPulse(NamedTuple):
    """What metrics need of an agent. ``last_heartbeat_ms`` is wall time."""

    status: AgentStatus
    drained: bool
    max_storage_nodes: int
    last_heartbeat_ms: int
    reachability: str = ""


class NodeCount(NamedTuple):
    """Nodes with the same facts and engine: how many, and the sum of their restarts."""

    facts: Facts
    agent_status: AgentStatus
    engine: str
    nodes: int
    restarts: int


@dataclass(frozen=True, slots=True)
class GridCounts:
    """The grid in numbers. ``last_event_id`` rises by one with each event; ``events`` are counts by kind.

    ``master_last_seen_ms``: when the master last wrote, 0 if it never did.
    """

    agents: Sequence[AgentPulse] = ()
    nodes: Sequence[NodeCount] = ()
    last_event_id: int = 0
    events: Mapping[str, int] = field(default_factory=dict)
    master_last_seen_ms: int = 0
