"""All nodes of one agent: those that it manages, those that it must not touch, and the latest removals."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from sutra_grid.agent.processes.process import ProcessHandle
from sutra_grid.core.node.record import NodeRuntime, ProcessIdentity
from sutra_grid.core.types import Assignment, NodeSpec

_MAX_REMOVALS_KEPT: Final = 1000  # late calls arrive within seconds: far fewer removals happen meanwhile


@dataclass(slots=True)
class ManagedNode:
    """A node that the agent manages. ``process`` is open while the node has one.

    ``is_clear``: nothing can be alive that may be its process. The agent has reaped the last one, or has just looked.
    ``leader``: the process of the last launch, also after its end. ``leader_is_watched``: the agent has watched it
    until its end. ``signalled``: the members of the launch that got each signal. ``cleared_at``: the monotonic second
    of the last look that found no leftover.
    """

    runtime: NodeRuntime
    process: ProcessHandle | None = None
    log_tail: tuple[str, ...] = ()
    is_clear: bool = False
    leader: ProcessIdentity | None = None
    leader_is_watched: bool = False
    signalled: dict[int, set[tuple[int, int]]] = field(default_factory=dict)
    cleared_at: float = 0.0

    def hold(self, process: ProcessHandle) -> None:
        """Use the process of a new launch, or of one that was adopted."""
        self.process = process
        self.leader = process.identity
        self.leader_is_watched = True
        self.signalled = {}

    @property
    def spec(self) -> NodeSpec:
        """What the node is: engine, port, path, memory limit."""
        return self.runtime.record.assignment.spec


class NodeTable:
    """Nodes by their id. Used by one thread."""

    def __init__(self) -> None:
        self._nodes: dict[str, ManagedNode] = {}
        self._quarantined: dict[str, str] = {}  # node id -> why neither its process nor its journal may be touched
        self._removals: OrderedDict[str, int] = OrderedDict()  # node id -> generation that removed it

    def find(self, node_id: str) -> ManagedNode | None:
        """The node of that id; None when the agent does not manage it."""
        return self._nodes.get(node_id)

    def all(self) -> list[ManagedNode]:
        """Every node that the agent manages."""
        return list(self._nodes.values())

    def add(self, node: ManagedNode) -> None:
        """Manage a node from now on."""
        self._nodes[node.runtime.node_id] = node

    def discard(self, node_id: str) -> None:
        """Manage the node no longer. Idempotent."""
        self._nodes.pop(node_id, None)

    def specs_except(self, node_id: str) -> dict[str, NodeSpec]:
        """The specifications of all other nodes, by node id."""
        return {other: node.spec for other, node in self._nodes.items() if other != node_id}

    def pids(self) -> frozenset[int]:
        """The pids of the processes of all nodes."""
        return frozenset(node.process.identity.pid for node in self._nodes.values() if node.process is not None)

    def quarantine(self, node_id: str, why: str) -> None:
        """Refuse every change of the node until the agent starts again."""
        self._quarantined[node_id] = why

    def why_quarantined(self, node_id: str) -> str | None:
        """Why the node must not be touched; None when it may be."""
        return self._quarantined.get(node_id)

    def record_removal(self, assignment: Assignment) -> None:
        """Keep the generation of a removal, so that a late call of an older one does not bring the node back."""
        self._removals[assignment.node_id] = assignment.generation
        self._removals.move_to_end(assignment.node_id)
        while len(self._removals) > _MAX_REMOVALS_KEPT:
            self._removals.popitem(last=False)

    def removal_generation(self, node_id: str) -> int:
        """The generation that removed the node; -1 when no removal of it is known."""
        return self._removals.get(node_id, -1)
