"""What happens to a node right after a command is reported at once, not one heartbeat interval later."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.harness.grid import Grid, GridSpec
from support.harness.processes import kill
from support.waiting import eventually

pytestmark = pytest.mark.e2e

INTERVAL_SECONDS = 60.0  # also of the back-off: the crash is all that there is to tell


def test_a_crash_right_after_a_spawn_is_told_at_once(tmp_path: Path) -> None:
    back_off = {"restart": {"first_delay_secs": INTERVAL_SECONDS, "max_delay_secs": INTERVAL_SECONDS}}
    spec = GridSpec(heartbeat_seconds=INTERVAL_SECONDS, with_admin=False, extra=back_off)
    with Grid(tmp_path, spec) as grid:
        node = grid.grpc.spawn("agent-1")
        began = time.monotonic()

        kill([node.pid])

        def kinds() -> list[str]:
            return [event.kind for event in grid.events(node_id=node.node_id)]

        eventually(lambda: "node.exited" in kinds(), message="the crash told")
        assert time.monotonic() - began < INTERVAL_SECONDS / 4
