"""A data path with less free than the agent's reserve: told, shown, and closed for new nodes."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.grid import Grid, GridSpec
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
        assert "no new nodes" in shown.stdout
