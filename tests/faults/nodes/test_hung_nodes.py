"""Nodes that run and do not answer: shown, reported, and restarted only where that is configured."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.harness.grid import Grid, GridSpec
from support.harness.interfaces import NodeView
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e


@contextmanager
def hung(node: NodeView) -> Iterator[None]:
    """The node's process is paused by SIGSTOP in the context. Afterwards it continues, if it still exists."""
    handle = os.pidfd_open(node.pid)
    try:
        signal.pidfd_send_signal(handle, signal.SIGSTOP)
        yield
    finally:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGCONT)
        os.close(handle)


def a_grid(root: Path, **monitoring: float) -> Grid:
    storage = {"health_timeout_secs": 0.5, "stop_grace_secs": 0.5}
    # The default probe of a storage node is what is tested.
    spec = GridSpec(with_admin=False, health_check_seconds=0.5, extra={"storage": storage, "monitoring": monitoring})
    return Grid(root, spec)


def status(grid: Grid, node: NodeView) -> pb.NodeStatus:
    return grid.stub.GetStorageNodeStatus(pb.NodeId(node_id=node.node_id), timeout=10)


def kinds(grid: Grid, node: NodeView) -> list[str]:
    return [event.kind for event in grid.events(node_id=node.node_id)]


def test_a_hung_node_runs_on_unhealthy_until_it_answers_again(tmp_path: Path) -> None:
    with a_grid(tmp_path) as grid:
        node = grid.grpc.spawn("agent-1")
        before_ms = time.time_ns() // 1_000_000
        with hung(node):
            eventually(lambda: status(grid, node).health == "unhealthy", 20, "shown as unhealthy")
            shown = status(grid, node)
            assert (shown.status, shown.reason, shown.pid) == ("running", "probe_failed", node.pid)
            assert shown.started_at_ms <= before_ms <= shown.status_since_ms
            assert "node.unhealthy" in kinds(grid, node)
        eventually(lambda: status(grid, node).health == "healthy", 20, "shown as healthy")
        assert "node.healthy" in kinds(grid, node)
        assert (status(grid, node).pid, status(grid, node).restarts) == (node.pid, 0)


@pytest.mark.soak
def test_a_hung_node_is_restarted_through_the_stop_sequence_where_that_is_configured(tmp_path: Path) -> None:
    with a_grid(tmp_path, restart_unhealthy_after_secs=0.5) as grid:
        node = grid.grpc.spawn("agent-1")
        with hung(node):
            eventually(lambda: status(grid, node).restarts == 1, 30, "the restart")
            shown = grid.wait_node(node.node_id, "running")
            assert shown.pid != node.pid
            (ended,) = status(grid, node).exits
            assert (ended.reason, ended.signal) == ("probe_failed", signal.SIGKILL)
            assert status(grid, node).reason == "probe_failed"
            told = kinds(grid, node)
            assert told.index("node.unhealthy") < told.index("node.exited") < told.index("node.restarted")
