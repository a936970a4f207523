"""One correlation id finds a request in the logs of every daemon that handled it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.harness.grid import PATIENT, Grid, GridSpec
from support.texts import logs
from support.waiting import eventually


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with Grid(tmp_path_factory.mktemp("grid"), GridSpec(heartbeat_seconds=0.2, master_extra=PATIENT)) as grid:
        yield grid


def lines_of(grid: Grid, correlation_id: str) -> dict[str, list[str]]:
    """The log lines that carry the id, by daemon."""
    field = f"correlation_id={correlation_id}"
    return {
        daemon.name: [line for line in daemon.log_text().splitlines() if line.endswith(field)]
        for daemon in grid.daemons
    }


def test_the_clients_id_is_told_back_and_stands_in_the_logs_of_admin_master_and_agent(grid: Grid) -> None:
    answer = grid.http.post("/nodes", {"agent_id": "agent-1"}, X_Request_ID="from-the-load-balancer-1")
    assert (answer.status, answer.request_id) == (201, "from-the-load-balancer-1")

    node_id = answer.json["node_id"]
    eventually(lambda: lines_of(grid, "from-the-load-balancer-1")["admin"], message="the access log's line")
    lines = lines_of(grid, "from-the-load-balancer-1")
    assert any(logs(line, path="/nodes", status=201) for line in lines["admin"])
    assert any(logs(line, node=node_id, agent="agent-1") for line in lines["master"])
    assert any(logs(line, node=node_id, **{"from": "stopped", "to": "launching"}) for line in lines["agent-1"])


def test_a_request_without_an_id_or_with_none_that_may_stand_in_a_log_gets_a_fresh_one(grid: Grid) -> None:
    for given in ({}, {"X_Request_ID": "two words"}, {"X_Request_ID": "x" * 200}):
        fresh = grid.http.get("/status", **given).request_id
        assert len(fresh) == 32
        assert fresh not in given.values()
        eventually(lambda fresh=fresh: lines_of(grid, fresh)["admin"], message="the access log's line")
