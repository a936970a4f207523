"""A data path with less free space than the agent's reserve: reported, shown, and closed for new nodes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support.harness.grid import Grid, GridSpec
from support.texts import has_line, mentions
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e


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
