"""Brings up the nodes of a dev grid: waits for those that it had, and spawns missing ones."""

from __future__ import annotations

import time
from typing import Final

from sutra_grid.cli.dev.grid import DevGrid, Say
from sutra_grid.cli.dev.layout import AgentPlan
from sutra_grid.client.outcome import outcome
from sutra_grid.client.wait import await_settled
from sutra_grid.core.errors import DeadlineExceeded
from sutra_grid.core.types import Desired, NodeStatus
from sutra_grid.wire import grid_pb2 as pb

RETURN_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.2


def bring_up_nodes(grid: DevGrid, say: Say) -> None:
    """Wait for the nodes of the last run, then spawn missing ones. Raises GridError or Interrupted."""
    _await_return(grid, say)
    for agent in grid.plan.agents:
        for number in range(agent.spawned, grid.plan.nodes_per_agent):
            grid.pause(0)
            _spawn(grid, agent, say)
            grid.save_spawned(agent, number + 1)


def _await_return(grid: DevGrid, say: Say) -> None:
    """Wait until the agents have started their journaled nodes; report a node that does not come back."""
    began = time.monotonic()
    waiting = {node.node_id for node in _nodes(grid) if node.desired == Desired.RUNNING}
    while waiting and time.monotonic() < began + RETURN_SECONDS:
        for node in _nodes(grid):
            if node.node_id not in waiting:
                continue
            if node.status == NodeStatus.RUNNING and node.pid:
                waiting.discard(node.node_id)
                say(node.node_id, f"back on {node.agent_id} at {node.endpoint} ({time.monotonic() - began:.1f}s)")
            elif node.status == NodeStatus.FAILED:
                waiting.discard(node.node_id)
                say(node.node_id, f"failed on {node.agent_id}: {node.message or node.reason}")
        grid.pause(POLL_SECONDS)
    for node_id in sorted(waiting):
        say(
            node_id,
            f"not running after {RETURN_SECONDS:g} s; see: sutra-grid-cli nodes explain {node_id}",
        )


def _spawn(grid: DevGrid, agent: AgentPlan, say: Say) -> None:
    began = time.monotonic()
    answer = grid.client.spawn_node(pb.SpawnRequest(agent_id=agent.agent_id))
    node = await_settled(grid.client, outcome(answer), NodeStatus.RUNNING, lambda _: None)
    say(node.node_id, f"running on {agent.agent_id} at {node.endpoint} ({time.monotonic() - began:.1f}s)")


def _nodes(grid: DevGrid) -> list[pb.NodeStatus]:
    try:
        return list(grid.client.list_nodes().nodes)
    except DeadlineExceeded:
        return []
