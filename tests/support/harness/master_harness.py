"""A real master inside the test's process: its server on loopback, an SQLite registry, a clock that the test moves."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import grpc

from support.fakes.clock import FakeClock
from support.fakes.fake_agent import FakeAgent
from support.waiting import eventually
from sutra_grid.core.types import Node
from sutra_grid.master.config import MasterConfig
from sutra_grid.master.master import Master, MasterCore
from sutra_grid.registry import Registry
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.grid_pb2_grpc import GridMasterStub

CALL_SECONDS = 10.0
#: Short, so that a locked registry fails a command while the test waits; many writers at once need more.
LOCK_WAIT_SECONDS = 0.2


class MasterHarness:
    """One master after another on one registry file."""

    def __init__(
        self, directory: Path, config: MasterConfig | None = None, lock_wait_seconds: float = LOCK_WAIT_SECONDS
    ) -> None:
        self._lock_wait_seconds = lock_wait_seconds
        self.registry_file = directory / "registry.db"
        self.config = replace(config or MasterConfig(), port=0, command_timeout_seconds=5.0)
        self.clock = FakeClock()
        self._stack = ExitStack()
        self.start()

    def start(self) -> None:
        self.registry = Registry.open(
            f"sqlite:///{self.registry_file}", migrate=True, lock_wait_seconds=self._lock_wait_seconds
        )
        self._stack.callback(self.registry.close)
        self.master = self._stack.enter_context(Master(self.config, self.registry, self.clock))
        channel = self._stack.enter_context(grpc.insecure_channel(self.master.address))
        self.stub = GridMasterStub(channel)

    def stop(self) -> None:
        self._stack.close()

    def restart(self) -> None:
        """Another master on the same registry and the same clock."""
        self.stop()
        self._stack = ExitStack()
        self.start()

    @property
    def core(self) -> MasterCore:
        return self.master.core

    def pass_time(self, seconds: float, *alive: FakeAgent) -> None:
        """Let time pass as the health monitor sees it; ``alive`` agents send their heartbeats meanwhile."""
        steps = round(seconds * 2)
        for step in range(steps):
            self.clock.advance(0.5)
            for agent in alive:
                if step % 4 == 3:
                    agent.heartbeat(self.stub)
            self.core.monitor.check()

    # -- what clients do --

    def spawn(self, agent_id: str = "", **fields: object) -> pb.SpawnResponse:
        return self.stub.SpawnStorageNode(pb.SpawnRequest(agent_id=agent_id, **fields), timeout=CALL_SECONDS)

    def stop_node(self, node_id: str, **fields: object) -> pb.StopResponse:
        return self.stub.StopStorageNode(pb.StopRequest(node_id=node_id, **fields), timeout=CALL_SECONDS)

    def start_node(self, node_id: str, **fields: object) -> pb.NodeResult:
        return self.stub.StartStorageNode(pb.NodeCommand(node_id=node_id, **fields), timeout=CALL_SECONDS)

    def restart_node(self, node_id: str, **fields: object) -> pb.NodeResult:
        return self.stub.RestartStorageNode(pb.NodeCommand(node_id=node_id, **fields), timeout=CALL_SECONDS)

    def remove_node(self, node_id: str, **fields: object) -> pb.NodeResult:
        return self.stub.RemoveStorageNode(pb.NodeCommand(node_id=node_id, **fields), timeout=CALL_SECONDS)

    def agent(self, agent_id: str = "agent-1") -> pb.AgentRecord:
        return self.stub.GetAgent(pb.AgentId(agent_id=agent_id), timeout=CALL_SECONDS)

    def node(self, node_id: str) -> pb.NodeStatus:
        return self.stub.GetStorageNodeStatus(pb.NodeId(node_id=node_id), timeout=CALL_SECONDS)

    def nodes(self, **fields: str) -> list[pb.NodeStatus]:
        return list(self.stub.ListStorageNodes(pb.ListNodesRequest(**fields), timeout=CALL_SECONDS).nodes)

    def events(self, **fields: object) -> list[pb.Event]:
        return list(self.stub.ListEvents(pb.ListEventsRequest(**fields), timeout=CALL_SECONDS).events)

    def kinds(self, **fields: object) -> list[str]:
        return [event.kind for event in self.events(**fields)]

    # -- what the registry holds --

    def recorded(self, node_id: str) -> Node | None:
        return self.registry.node(node_id)

    def eventually_tombstoned(self, node_id: str) -> None:
        eventually(lambda: node_id in self.registry.tombstones(), message=f"{node_id} tombstoned")
