"""Requests in flight while the admin is reloaded, and requests that arrive while the master is down."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from signal import SIGHUP

import pytest
from support.harness.grid import PATIENT, Grid, GridSpec
from support.harness.http import Answer
from support.programs.node_program import write_node_program
from support.waiting import eventually

GRACE_SECONDS = 2.0
"""What a node that ignores its stop signal gets: so long is a stop of it under way."""


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    root = tmp_path_factory.mktemp("grid")
    stubborn = {
        "binary_path": str(write_node_program(root)),
        "args": ["--port", "{port}", "--storage-path", "{storage_path}", "--node-id", "{node_id}", "--ignore-term"],
        "health_probe": "tcp",
        "stop_grace_secs": GRACE_SECONDS,
    }
    with Grid(
        root / "grid", GridSpec(heartbeat_seconds=0.2, master_extra=PATIENT, extra={"engines": {"stubborn": stubborn}})
    ) as grid:
        yield grid


def booted_workers(grid: Grid) -> int:
    return grid.admin.log_text().count("Booting worker")


def test_a_reload_lets_a_command_in_flight_finish_and_answers_it(grid: Grid) -> None:
    node = grid.grpc.spawn("agent-1", engine="stubborn")
    before = booted_workers(grid)
    with ThreadPoolExecutor(1) as pool:
        stop = pool.submit(grid.http.post, f"/nodes/{node.node_id}/stop")
        eventually(lambda: grid.grpc.show(node.node_id).status == "stopping", message="the stop is under way")
        grid.admin.signal(SIGHUP)
        eventually(lambda: booted_workers(grid) > before, message="new workers")
        assert not stop.done()
        answer: Answer = stop.result(timeout=20)
    assert (answer.status, answer.json["status"]) == (200, "stopped")
    eventually(lambda: grid.http.get("/livez").status == 200, message="the new workers answer")
    assert "Traceback" not in grid.admin.log_text()


def test_without_the_master_reads_go_on_and_commands_say_so(grid: Grid) -> None:
    node = grid.grpc.spawn("agent-1")
    eventually(lambda: grid.rest.show(node.node_id).status == "running", message="written behind")
    grid.master.kill()
    try:
        assert grid.http.get("/status").status == 200
        assert grid.rest.show(node.node_id).status == "running"
        refused = grid.http.post(f"/nodes/{node.node_id}/stop")
        assert (refused.status, refused.json["code"]) == (503, "unavailable")
        assert "master" in refused.json["detail"]
        assert refused.json["hint"]
        eventually(
            lambda: grid.http.get("/readyz").json["master"]["ok"] is False, message="what was asked a second ago"
        )
    finally:
        grid.master.start()
        grid.master.wait_ready()
    assert "Traceback" not in grid.admin.log_text()
