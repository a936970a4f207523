"""Selects the nodes of a rolling restart."""

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
    """The nodes with these ids; or the nodes of an agent and an engine that should run ("" means any)."""

    node_ids: tuple[str, ...] = ()
    agent_id: str = ""
    engine: str = ""

    def read(self, client: MasterClient) -> Nodes:
        """The selected nodes as they are now, by id."""
        request = pb.ListNodesRequest(agent_id=self.agent_id, engine=self.engine)
        nodes = client.list_nodes(request).nodes
        if self.node_ids:
            return {node.node_id: node for node in nodes if node.node_id in self.node_ids}
        return {node.node_id: node for node in nodes if node.desired == Desired.RUNNING}


def choose_from(client: MasterClient, selection: Selection) -> Nodes:
    """The selected nodes at the beginning. Raises ``NotFound`` before anything is restarted."""
    nodes = selection.read(client)
    missing = [name for name in selection.node_ids if name not in nodes]
    if missing:
        raise NotFound(
            f"no node {', '.join(missing)} exists; nothing was restarted",
            reason=Reason.UNKNOWN_NODE,
            hint=f"List the nodes with `{client.hints.list_nodes}`",
        )
    if selection.agent_id and not nodes:
        client.get_agent(selection.agent_id)
    if selection.engine and not nodes:
        require_engine(client, selection.engine)
    return nodes


def require_engine(client: MasterClient, engine: str) -> None:
    """Raise NotFound if no agent has the engine and no node is of it."""
    engines = {name for agent in client.list_agents().agents for name in agent.engines}
    if engine in engines or client.list_nodes(pb.ListNodesRequest(engine=engine)).nodes:
        return
    raise NotFound(
        f"no agent has the engine {engine!r}, and no node is of it",
        reason=Reason.UNKNOWN_ENGINE,
        hint=f"Engines of the agents: {', '.join(sorted(engines)) or 'none, no agent is registered'}",
    )


def due(chosen: Nodes, selection: Selection, started_before_ms: int | None) -> list[str]:
    """The ids to restart: in the order of the ids given, otherwise agent by agent."""
    order = selection.node_ids or sorted(chosen, key=lambda name: (chosen[name].agent_id, name))
    return [name for name in order if started_before_ms is None or is_older(chosen[name], started_before_ms)]


def scope_of(client: MasterClient, selection: Selection, chosen: Nodes) -> Callable[[], Nodes]:
    """A function that reads the chosen nodes again; nodes that were spawned since do not belong to them."""
    return lambda: {name: node for name, node in selection.read(client).items() if name in chosen}
