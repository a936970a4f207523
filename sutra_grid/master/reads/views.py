"""Views of the cluster state as wire messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from sutra_grid import __version__
from sutra_grid.core.listed_status import ListedStatus, is_listed_as
from sutra_grid.core.status import ShownStatus, cluster_summary, shown_node
from sutra_grid.core.time_left import seen_at
from sutra_grid.core.types import Agent, Node, Reason
from sutra_grid.master.lookups import known_agent, known_node
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import agent_record, cluster_summary_to_message, node_status
from sutra_grid.wire.enums import member


class Views:
    """Thread-safe; never blocks. ``insecure``: others reach this master, and it has no TLS.

    ``is_revoked``: whether every certificate of an agent is revoked, so that its calls are refused.
    """

    def __init__(
        self,
        state: ClusterState,
        clock: Clock,
        *,
        insecure: bool = False,
        is_revoked: Callable[[str], bool] = lambda _agent_id: False,
    ) -> None:
        self._insecure = insecure
        self._is_revoked = is_revoked
        self._state = state
        self._clock = clock
        self._started_at_ms = wall_ms(clock)

    def agents(self) -> pb.AgentList:
        """All agents with their nodes."""
        nodes: dict[str, list[Node]] = defaultdict(list)
        for node in self._state.nodes.all():
            nodes[node.agent_id].append(node)
        return pb.AgentList(agents=[self._record(agent, nodes[agent.agent_id]) for agent in self._state.agents.all()])

    def agent(self, agent_id: str) -> pb.AgentRecord:
        """One agent with its nodes. Raises ``NotFound``."""
        return self._record(known_agent(self._state, agent_id), self._state.nodes.of_agent(agent_id))

    def node(self, node: Node) -> pb.NodeStatus:
        """One node with its status."""
        seen = seen_at(node, wall_ms(self._clock))
        return node_status(seen, self._shown(seen))

    def node_by_id(self, node_id: str) -> pb.NodeStatus:
        """One node with its status. Raises ``NotFound``."""
        return self.node(known_node(self._state, node_id))

    def find_node(self, node_id: str) -> pb.NodeStatus | None:
        """One node with its status, or None."""
        node = self._state.nodes.get(node_id)
        return self.node(node) if node else None

    def nodes(self, request: pb.ListNodesRequest) -> pb.NodeList:
        """The nodes that match the request, by id. Raises ``InvalidArgument`` for a status that no list shows."""
        agents = {agent.agent_id: agent for agent in self._state.agents.registrations()}
        wanted = member(ListedStatus, request.status, "ListNodesRequest.status") if request.status else None
        found = []
        table = self._state.nodes
        asked = table.of_agent(request.agent_id) if request.agent_id else table.all()
        now_ms = wall_ms(self._clock)
        for node in (seen_at(each, now_ms) for each in asked):
            shown = shown_node(node, agents.get(node.agent_id))
            message = node_status(node, shown)
            listed = wanted is None or is_listed_as(wanted, shown.status, node.report)
            if listed and request.engine in {"", message.spec.engine}:
                found.append(message)
        return pb.NodeList(nodes=found)

    def cluster(self) -> pb.ClusterStatus:
        """Counts of the cluster and its overall status."""
        agents = self._state.agents.all()
        summary = cluster_summary(agents, self._state.nodes.all(), wall_ms(self._clock))
        return cluster_summary_to_message(
            summary,
            master_version=__version__,
            master_started_at_ms=self._started_at_ms,
            insecure=self._insecure,
            insecure_agents=sum(bool(agent.insecure) for agent in agents),
        )

    def _shown(self, node: Node) -> ShownStatus:
        return shown_node(node, self._state.agents.registration(node.agent_id))

    def _record(self, agent: Agent, nodes: list[Node]) -> pb.AgentRecord:
        now_ms = wall_ms(self._clock)
        seen = [seen_at(node, now_ms) for node in nodes]
        record = agent_record(agent, [(node, shown_node(node, agent)) for node in seen])
        if self._is_revoked(agent.agent_id):
            record.refused = Reason.CERTIFICATE_REVOKED
        if not agent.host_id:  # clients of the first protocol send a number instead of an inventory
            record.current_storage_nodes = self._state.agents.claimed_nodes(agent.agent_id)
        return record
