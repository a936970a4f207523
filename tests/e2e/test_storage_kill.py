"""A storage node of a grid under writes and SIGKILL: no acknowledged write is lost, and no write is applied in part."""

from __future__ import annotations

import pytest
from soak.ledger import Ledger
from soak.load import Load
from support.harness.grid import Grid
from support.harness.processes import kill
from support.waiting import eventually

KILLS = 4


@pytest.mark.soak
def test_a_node_killed_again_and_again_under_load_loses_no_acknowledged_write(shared_grid: Grid) -> None:
    node = shared_grid.grpc.spawn("agent-1")
    ledger = Ledger()
    with Load({node.node_id: node.endpoint}, ledger, operations_per_second=200) as load:
        for _ in range(KILLS):
            acknowledged = ledger.acknowledged
            eventually(lambda: ledger.acknowledged > acknowledged + 20, 30, "writes acknowledged")  # noqa: B023
            before = shared_grid.pids()[node.node_id]
            kill([before])
            eventually(lambda: shared_grid.pids().get(node.node_id, before) != before, 30, "another process")  # noqa: B023
        acknowledged = ledger.acknowledged
        eventually(lambda: ledger.acknowledged > acknowledged, 30, "writes acknowledged after the last kill")
        load.verify_all(timeout_seconds=30)

    assert ledger.violations == []
    assert shared_grid.wait_node(node.node_id, "running", 30).endpoint == node.endpoint
    shared_grid.grpc.remove(node.node_id)
