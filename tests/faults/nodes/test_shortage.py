"""A node that runs short of descriptors is shown with the reason, and writes again without a restart."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import grpc
import pytest
from support.harness.grid import Grid, GridSpec
from support.harness.interfaces import NodeView
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e

VALUE = "v" * 200_000


def status(grid: Grid, node: NodeView) -> pb.NodeStatus:
    return grid.stub.GetStorageNodeStatus(pb.NodeId(node_id=node.node_id), timeout=10)


@pytest.mark.soak
def test_a_node_without_descriptors_is_explained_and_writes_again_by_itself(tmp_path: Path) -> None:
    spec = GridSpec(with_admin=False, health_check_seconds=0.5)
    with Grid(tmp_path, spec) as grid:
        node = grid.grpc.spawn("agent-1")
        limits = resource.prlimit(node.pid, resource.RLIMIT_NOFILE)
        with grid.kv(node) as kv:
            kv.put("colour", "green")
            # Two are left for connections; the next file of the store finds none.
            open_now = len(os.listdir(f"/proc/{node.pid}/fd"))
            with grid.kv(node) as other:  # holds one of the two
                other.get("colour")
                resource.prlimit(node.pid, resource.RLIMIT_NOFILE, (open_now + 2, limits[1]))
                refused = False
                for number in range(400):
                    try:
                        kv.put(f"fill-{number}", VALUE)
                    except grpc.RpcError:
                        refused = True
                        break
                assert refused
                eventually(lambda: status(grid, node).health == "unhealthy", 20, "shown as unhealthy")
            explained = grid.cli.run("nodes", "explain", node.node_id).stdout
            # Its own words may have left the log's tail: the agent has looked at the process.
            assert "file descriptors open" in explained, explained
            assert "LimitNOFILE" in explained, explained
            assert kv.get("colour") == "green"
            resource.prlimit(node.pid, resource.RLIMIT_NOFILE, limits)
            eventually(lambda: status(grid, node).health == "healthy", 30, "healthy again")
            kv.put("colour", "blue")
            assert kv.get("colour") == "blue"
        assert (status(grid, node).pid, status(grid, node).restarts) == (node.pid, 0)
