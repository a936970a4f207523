"""Nodes that a fake master lists and restarts, as a test says."""

from __future__ import annotations

import threading

from support.fakes.fake_master import FakeMaster
from support.values.cli_records import node
from sutra_grid.wire import grid_pb2 as pb

STARTED_MS = 1_700_000_000_000


class RestartingGrid:
    """Nodes that the fake master lists and restarts. ``down`` is the most that were down at once."""

    def __init__(self, master: FakeMaster, *names: str) -> None:
        self.nodes = {name: node(name, pid=100 + i, started_at_ms=STARTED_MS + i) for i, name in enumerate(names)}
        self.order: list[str] = []
        self.failing: set[str] = set()
        self.slow: set[str] = set()
        self.hold = threading.Event()
        self.most_down = 0
        self.lock = threading.Lock()
        master.answers["ListStorageNodes"] = self.list
        master.answers["RestartStorageNode"] = self.restart
        master.answers["GetStorageNodeStatus"] = self.show

    def list(self, request: pb.ListNodesRequest) -> pb.NodeList:
        with self.lock:
            chosen = [
                each
                for each in self.nodes.values()
                if request.agent_id in ("", each.agent_id) and request.engine in ("", each.spec.engine)
            ]
            return pb.NodeList(nodes=chosen)

    def show(self, request: pb.NodeId) -> pb.NodeStatus:
        with self.lock:
            return self.nodes[request.node_id]

    def restart(self, request: pb.NodeCommand) -> pb.NodeResult:
        name = request.node_id
        with self.lock:
            self.order.append(name)
            self.nodes[name].status = "stopping"
            down = sum(each.status != "running" for each in self.nodes.values() if each.desired == "running")
            self.most_down = max(self.most_down, down)
        if name in self.slow:
            self.hold.wait(10)
        with self.lock:
            if name in self.failing:
                failed = node(name, status="failed", pid=0, reason="crash_loop", message="it crashes")
                self.nodes[name].CopyFrom(failed)
                error = pb.ErrorDetail(code="failed_precondition", reason="crash_loop", message=f"{name} crashes")
                return pb.NodeResult(success=False, error=error, node=failed)
            changed = self.nodes[name]
            changed.status, changed.pid = "running", changed.pid + 1000
            changed.generation += 1
            changed.observed_generation = changed.generation
            changed.started_at_ms = STARTED_MS + 60_000
            changed.health = "healthy"
            return pb.NodeResult(success=True, node=changed)
