"""A live grid with nodes and agents in every status, for pictures of the pages.

Three real agents with real nodes and a crowd of others; nodes that were killed, stopped and failed, a drained
agent, some that are offline.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.fakes.many_agents import many_agents
from support.harness.grid import Grid, GridSpec
from support.harness.processes import kill
from support.programs.fragile import fragile_engine, spoil
from support.waiting import eventually
from sutra_grid.wire import grid_pb2 as pb

CROWD = [f"rack{rack}-host{host:02}" for rack in range(1, 5) for host in range(1, 11)]
OFFLINE = ["rack2-host07", "rack4-host03"]
NODES_OF_CROWD = 60


@dataclass(frozen=True, slots=True)
class PopulatedGrid:
    """The grid, and the ids of the agents and nodes that pages show."""

    grid: Grid
    agent_id: str
    offline_agent_id: str
    drained_agent_id: str
    killed_node_id: str
    failed_node_id: str
    stopped_node_id: str

    @property
    def origin(self) -> str:
        return f"http://{self.grid.admin_address}"


@contextmanager
def populated_grid(root: Path) -> Iterator[PopulatedGrid]:
    """The grid, below ``root``; it ends with the context."""
    spec = GridSpec(
        agents=3,
        heartbeat_seconds=0.5,
        health_check_seconds=0.5,
        extra={
            "engines": {"fragile": fragile_engine(root)},
            "restart": {"first_delay_secs": 0.1, "max_crashes": 3},
        },
    )
    with Grid(root / "grid", spec) as grid, many_agents(grid.stub, CROWD, offline=OFFLINE):
        killed, stopped, *_ = [grid.grpc.spawn("agent-1").node_id for _ in range(4)]
        failed = grid.grpc.spawn("agent-2", engine="fragile")
        lost = [grid.grpc.spawn("agent-3").node_id for _ in range(2)]
        busy = [name for name in CROWD if name not in OFFLINE]
        for number in range(NODES_OF_CROWD):
            grid.grpc.spawn(busy[number * number % len(busy)])
        kill([grid.pids()[killed]])
        spoil(failed.storage_path)
        kill([failed.pid])
        grid.grpc.stop(stopped)
        grid.stub.DrainAgent(pb.AgentCommand(agent_id="agent-2"), timeout=10)
        grid.agents["agent-3"].kill()
        grid.wait_node(failed.node_id, "failed")
        grid.wait_node(lost[0], "unknown")
        eventually(lambda: grid.grpc.show(killed).restarts, message="the restart shown")
        offline = {*OFFLINE, "agent-3"}
        statuses = grid.agent_statuses
        eventually(lambda: {name for name, at in statuses().items() if at == "offline"} == offline, message="offline")
        yield PopulatedGrid(grid, "agent-1", "agent-3", "agent-2", killed, failed.node_id, stopped)
