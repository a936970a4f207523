"""A node over its memory limit, for real: stopped by the stop sequence, started again, counted, given up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.harness.grid import Grid, GridSpec
from support.texts import numbers_in
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e

LIMIT_MB = 64
# It grows when a file says so. Half of that is in a child, because the limit covers all processes of a node.
HUNGRY = f"""#!{sys.executable} -S
import os, sys, time
grow = os.path.join(sys.argv[1], "grow")
hold = b""
while True:
    if not hold and os.path.exists(grow):
        os.fork()
        hold = b"x" * ({LIMIT_MB} * 1024 * 1024 * 6 // 10)
    time.sleep(0.05)
"""


def a_grid(root: Path, memory: str) -> Grid:
    root.mkdir(exist_ok=True)
    program = root / "hungry"
    program.write_text(HUNGRY)
    program.chmod(0o755)
    engine = {
        "binary_path": str(program),
        "args": ["{storage_path}"],
        "health_probe": "none",
        "stop_grace_secs": 2.0,
    }
    extra = {
        "engines": {"hungry": engine},
        "limits": {"memory": memory},
        "restart": {"first_delay_secs": 0.1, "max_delay_secs": 0.2, "max_crashes": 3},
    }
    return Grid(root, GridSpec(with_admin=False, extra=extra))


def spawn(grid: Grid) -> pb.NodeStatus:
    request = pb.SpawnRequest(agent_id="agent-1", engine="hungry", memory_limit_mb=LIMIT_MB)
    answer = grid.stub.SpawnStorageNode(request, timeout=20)
    assert answer.success, answer.error_message
    return answer.node


def grow_file(node: pb.NodeStatus) -> Path:
    return Path(node.spec.storage_path) / "grow"


@pytest.mark.parametrize("memory", ["sampled", "auto"])
@pytest.mark.soak
def test_a_node_over_its_limit_is_restarted_and_a_greedy_one_given_up(tmp_path: Path, memory: str) -> None:
    with a_grid(tmp_path / "grid", memory) as grid:
        node = spawn(grid)

        def now() -> pb.NodeStatus:
            return grid.stub.GetStorageNodeStatus(pb.NodeId(node_id=node.node_id), timeout=10)

        grow_file(node).touch()
        eventually(lambda: now().exits and now().exits[0].reason == "memory_limit", 20, "stopped for its memory")
        grow_file(node).unlink()
        eventually(lambda: now().status == "running" and now().pid != node.pid, 20, "started again")
        assert (now().reason, now().exits[0].signal) == ("memory_limit", 15)
        assert now().restarts >= 1

        grow_file(node).touch()
        eventually(lambda: now().status == "failed", 40, "given up")
        assert now().reason == "memory_limit"
        assert numbers_in(now().message), "how many ends there were in a row"
        told = [(event.kind, event.reason) for event in grid.events(node_id=node.node_id)]
        assert ("node.exited", "memory_limit") in told
        assert ("node.restarted", "memory_limit") in told


@pytest.mark.soak
def test_where_limits_are_off_a_node_over_its_limit_is_left_alone(tmp_path: Path) -> None:
    with a_grid(tmp_path / "grid", "off") as grid:
        node = spawn(grid)
        grow_file(node).touch()

        def sample() -> pb.NodeSample:
            return grid.stub.GetStorageNodeStatus(pb.NodeId(node_id=node.node_id), timeout=10).sample

        eventually(lambda: sample().rss_bytes > LIMIT_MB * 1024 * 1024 // 2, 30, "it has grown")
        shown = grid.stub.GetStorageNodeStatus(pb.NodeId(node_id=node.node_id), timeout=10)
        assert (shown.status, shown.pid, shown.restarts) == ("running", node.pid, 0)
