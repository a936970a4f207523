"""Which nodes a rolling restart is of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sutra_grid.client.master_client import MasterClient
from sutra_grid.client.rolling_plan import Nodes, is_older
from sutra_grid.core.errors import NotFound
from sutra_grid.core.types import Desired, Reason
from sutra_grid.wire import grid_pb2 as pb


@dataclass(frozen=True, slots=True)
class Selection:
    """Which nodes: those named, or those of an agent and an engine that should run ("" means any)."""

    node_ids: tuple[str, ...] = ()
    agent_id: str = ""
    engine: str = ""

    def read(self, client: MasterClient) -> Nodes:
        """The nodes of the selection now, by id."""
        request = pb.ListNodesRequest(agent_id=self.agent_id, engine=self.engine)
        nodes = client.list_nodes(request).nodes
        if self.node_ids:
            return {node.node_id: node for node in nodes if node.node_id in self.node_ids}
        return {node.node_id: node for node in nodes if node.desired == Desired.RUNNING}


def choose_from(client: MasterClient, selection: Selection) -> Nodes:
    """The nodes of the selection at the beginning. Raises ``NotFound`` before anything is touched."""
    nodes = selection.read(client)
    missing = [name for name in selection.node_ids if name not in nodes]
    if missing:
        raise NotFound(
            f"there is no node {', '.join(missing)}; nothing was restarted",
            reason=Reason.UNKNOWN_NODE,
            hint=f"`{client.hints.list_nodes}` shows them all",
        )
    if selection.agent_id and not nodes:
        client.get_agent(selection.agent_id)
    return nodes


def due(chosen: Nodes, selection: Selection, started_before_ms: int | None) -> list[str]:
    """Those to restart: as they were named, else agent by agent."""
    order = selection.node_ids or sorted(chosen, key=lambda name: (chosen[name].agent_id, name))
    return [name for name in order if started_before_ms is None or is_older(chosen[name], started_before_ms)]


def scope_of(client: MasterClient, selection: Selection, chosen: Nodes) -> Callable[[], Nodes]:
    """Reads the chosen nodes anew; one that was spawned meanwhile does not belong to them."""
    return lambda: {name: node for name, node in selection.read(client).items() if name in chosen}
