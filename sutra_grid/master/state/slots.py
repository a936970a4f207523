"""The slots of each agent: taken by nodes, or reserved for nodes that are being recorded."""

from __future__ import annotations

from collections import Counter
from threading import RLock

from sutra_grid.core.placement import Candidate
from sutra_grid.master.state.agents import AgentTable
from sutra_grid.master.state.nodes import NodeTable


class SlotReservations:
    """Thread-safe: every method takes the lock of the cluster state, also for what it asks the two tables."""

    def __init__(self, lock: RLock, agents: AgentTable, nodes: NodeTable) -> None:
        self._agents = agents
        self._nodes = nodes
        self._lock = lock
        self._reserved: Counter[str] = Counter()  # agent id -> reserved slots; guarded by _lock

    def candidates(self) -> list[Candidate]:
        """Every agent with its number of used and reserved slots."""
        with self._lock:
            return [Candidate(agent, self._used(agent.agent_id)) for agent in self._agents.registrations()]

    def candidate(self, agent_id: str) -> Candidate | None:
        """One agent with its number of used and reserved slots, or None."""
        with self._lock:
            agent = self._agents.registration(agent_id)
            return Candidate(agent, self._used(agent_id)) if agent else None

    def reserve_slot(self, agent_id: str) -> bool:
        """Reserve a slot for a node that is being recorded. False: no slot is free."""
        with self._lock:
            agent = self._agents.registration(agent_id)
            if agent is None or self._used(agent_id) >= agent.max_storage_nodes:
                return False
            self._reserved[agent_id] += 1
            return True

    def release_reservation(self, agent_id: str) -> None:
        """Release a reserved slot: the node is recorded and takes a slot itself, or it will not be recorded."""
        with self._lock:
            if self._reserved[agent_id] > 0:
                self._reserved[agent_id] -= 1

    def remove_agent(self, agent_id: str) -> None:
        """Release all reservations of an agent that is removed."""
        with self._lock:
            self._reserved.pop(agent_id, None)

    def _used(self, agent_id: str) -> int:
        return self._nodes.count_slots(agent_id) + self._reserved[agent_id]
