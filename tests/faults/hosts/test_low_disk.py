"""A data path with less free space than the agent's reserve: reported, shown, and closed for new nodes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support.faults.tmpfs import small_disk
from support.harness.grid import Grid, GridSpec
from support.harness.http import HttpClient
from support.texts import has_line, mentions
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e


@pytest.mark.soak
def test_a_low_disk_is_told_and_shown_and_takes_no_new_node(tmp_path: Path) -> None:
    more_than_any_disk = {"storage": {"disk_reserve_mb": 1 << 40}}
    with Grid(tmp_path, GridSpec(with_admin=False, extra=more_than_any_disk)) as grid:

        def told() -> list[str]:
            return [event.reason for event in grid.events(kind="agent.low_disk")]

        eventually(lambda: told() == ["disk_full"], message="the event")
        host = grid.agent().host
        assert 0 < host.disk_free_bytes < host.disk_reserve_bytes
        answer = grid.stub.SpawnStorageNode(pb.SpawnRequest(), timeout=20)
        assert (answer.success, answer.error.reason) == (False, "disk_full")
        shown = grid.cli.run("-o", "table", "agents", "show", "agent-1")
        assert has_line(shown.stdout, "no new nodes")


@pytest.mark.soak
def test_a_disk_that_fills_closes_for_new_nodes_and_opens_again(tmp_path: Path) -> None:
    """A real file system: a small tmpfs as data path, with a reserve of a quarter."""
    data = tmp_path / "agent-1" / "data"
    data.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(data)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        with Grid(tmp_path, GridSpec(with_admin=False, extra={"storage": {"disk_reserve_mb": 16}})) as grid:
            first = grid.stub.SpawnStorageNode(pb.SpawnRequest(), timeout=20)
            assert first.success, first.error_message
            filler = data / "filler"
            filler.write_bytes(bytes(50 << 20))

            answer = grid.stub.SpawnStorageNode(pb.SpawnRequest(), timeout=20)
            assert (answer.success, answer.error.reason) == (False, "disk_full")
            assert mentions(answer.error.message, "16 MiB"), "the reserve"
            eventually(lambda: grid.events(kind="agent.low_disk"), message="the event")
            assert list(grid.pids()) == [first.node.node_id]

            filler.unlink()
            assert grid.stub.SpawnStorageNode(pb.SpawnRequest(), timeout=20).success
            eventually(lambda: grid.events(kind="agent.disk_recovered"), message="the event that it has room again")
    finally:  # lazily: even what a failed test left running can't keep the mount
        subprocess.run(["umount", "-l", str(data)], capture_output=True, check=True)


@pytest.mark.soak
def test_the_disk_of_state_and_logs_is_watched_and_told(tmp_path: Path) -> None:
    state = tmp_path / "agent-1" / "state"
    extra = {"storage": {"disk_reserve_mb": 8}}
    with small_disk(state, size_mb=16), Grid(tmp_path, GridSpec(with_metrics=True, extra=extra)) as grid:
        (disk,) = [disk for disk in grid.agent().host.disks if "data" not in disk.uses]
        assert (list(disk.uses), disk.path, disk.total_bytes) == (["state", "logs"], str(state), 16 << 20)
        filler = state / "filler"
        filler.write_bytes(bytes(10 << 20))
        eventually(lambda: grid.events(kind="agent.low_disk"), message="the event")
        (event,) = grid.events(kind="agent.low_disk")
        assert mentions(event.message, str(state))
        shown = grid.cli.run("-o", "table", "agents", "show", "agent-1").stdout
        assert has_line(shown, "state and logs", "below the reserve")
        assert mentions(grid.http.get("/ui/agents/agent-1").body.decode(), "Disk of state and logs")
        metrics = HttpClient(grid.agent_metrics_address()).get("/metrics").body.decode()
        assert 'sutra_grid_host_use_disk_free_bytes{agent_id="agent-1",use="logs"}' in metrics
        assert grid.stub.SpawnStorageNode(pb.SpawnRequest(), timeout=20).success, "its data has room"
        filler.unlink()
        eventually(lambda: grid.events(kind="agent.disk_recovered"), message="the event that it has room again")
