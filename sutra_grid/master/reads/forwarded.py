"""Reads that are forwarded to an agent: the log and the measurements of a node."""

from __future__ import annotations

from sutra_grid.core.types import Agent
from sutra_grid.master.agent_calls import AgentCaller
from sutra_grid.master.concurrency_limit import ConcurrencyLimit
from sutra_grid.master.lookups import known_node, reachable_agent
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.wire import grid_pb2 as pb

TIMEOUT_SECONDS = 5.0


class ForwardedReads:
    """Thread-safe; blocks on the agent for at most ``TIMEOUT_SECONDS``."""

    def __init__(self, state: ClusterState, calls: AgentCaller, limit: ConcurrencyLimit) -> None:
        self._state = state
        self._calls = calls
        self._limit = limit

    def log(self, request: pb.LogRequest) -> pb.LogChunk:
        """A part of a node's log. Raises ``GridError``."""
        agent = self._agent_of(request.node_id)
        with self._limit.taken():
            return self._calls.read_log(agent, request, TIMEOUT_SECONDS)

    def samples(self, node_id: str) -> pb.NodeSampleList:
        """The recent measurements of a node. Raises ``GridError``."""
        agent = self._agent_of(node_id)
        with self._limit.taken():
            return self._calls.samples(agent, node_id, TIMEOUT_SECONDS)

    def _agent_of(self, node_id: str) -> Agent:
        return reachable_agent(self._state, known_node(self._state, node_id).agent_id)
