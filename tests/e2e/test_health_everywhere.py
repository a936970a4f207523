"""One answer to "how is the grid?" from the command line, the API, the metric, the page and the alert rules."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.documents.monitoring import alert_rules
from support.documents.scrape import scrape
from support.harness.grid import PATIENT, Grid, GridSpec
from support.harness.interfaces import Refused
from support.harness.processes import kill
from support.texts import mentions
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

STABLE_SECONDS = 6.0
_OF_STATUS = re.compile(r'^sutra_grid_cluster_status\{status="(\w+)"\} == 1$')
_ALERTS = {
    "healthy": set[str](),
    "degraded": {"SutraGridDegraded"},
    "critical": {"SutraGridCritical"},
    "unknown": {"SutraGridMasterDown"},
}


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    spec = GridSpec(
        agents=2,
        heartbeat_seconds=0.2,
        health_check_seconds=0.5,
        master_extra=PATIENT,
        extra={
            "restart": {"stable_secs": STABLE_SECONDS, "first_delay_secs": 5.0},
            "storage": {"health_timeout_secs": 0.5},
        },
    )
    with Grid(tmp_path_factory.mktemp("grid"), spec) as grid:
        grid.grpc.spawn("agent-1")
        yield grid


def told(grid: Grid) -> dict[str, str]:
    """What each interface says of the grid now."""
    found = scrape(grid.admin_address)
    page = grid.http.get("/ui/").body.decode()
    title, headline = re.search(r"<title>(\w+)", page), re.search(r"The (?:grid|status of the grid) is (\w+)", page)
    assert title is not None
    assert headline is not None
    firing = {
        rule["alert"]
        for rule in alert_rules()
        if (asked := _OF_STATUS.match(rule["expr"]))
        if found.value("sutra_grid_cluster_status", status=asked[1]) == 1
    }
    return {
        "cli": cli_status(grid),
        "api": grid.http.get("/status").json["status"],
        "metric": next(
            one.labels["status"] for one in found.samples if one.name == "sutra_grid_cluster_status" and one.value == 1
        ),
        "title": title[1],
        "headline": headline[1],
        "alerts": next(status for status, alerts in _ALERTS.items() if alerts == firing),
    }


def cli_status(grid: Grid) -> str:
    try:
        return grid.cli.cluster()
    except Refused as refused:
        return "unknown" if refused.status == 4 else f"exit code {refused.status}"


def expect(grid: Grid, status: str, *words: str) -> None:
    """All of them come to say ``status``, and the first reason has ``words``."""
    eventually(lambda: grid.http.get("/status").json["status"] == status, 20, f"{status} in /status")
    everywhere = dict.fromkeys(told(grid), status)
    eventually(lambda: told(grid) == everywhere, 10, f"{status} everywhere")
    # A worker of the admin may still have the answer of a second ago.
    eventually(lambda: mentions(" ".join(grid.http.get("/status").json["reasons"][:1]), *words), 10, f"reasons {words}")


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process hangs in the context."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def the_node(grid: Grid) -> tuple[str, int]:
    [node] = grid.grpc.nodes()
    return node.node_id, node.pid


def runs_as_another(grid: Grid, pid: int) -> int:
    """The pid of the node that runs; 0 while it does not, or still is ``pid``."""
    [node] = grid.grpc.nodes()
    return node.pid if node.status == "running" and node.pid != pid else 0


@pytest.mark.soak
def test_a_hung_node_makes_the_grid_degraded_until_it_answers_again(grid: Grid) -> None:
    expect(grid, "healthy")
    node_id, pid = the_node(grid)
    with stopped(pid):
        expect(grid, "degraded", node_id, "unhealthy")
    expect(grid, "healthy")


@pytest.mark.soak
def test_a_node_that_crashed_keeps_the_grid_degraded_until_it_was_stable(grid: Grid) -> None:
    expect(grid, "healthy")
    node_id, pid = the_node(grid)
    kill([pid])  # after a stable run: started again at once
    again = eventually(lambda: runs_as_another(grid, pid), 20, "it runs again")
    reason = " ".join(grid.stub.GetClusterStatus(pb.Empty(), timeout=5).reasons)
    assert mentions(reason, node_id, "is unstable", "signal 9", "runs again for", "stable in"), reason
    kill([again])
    expect(grid, "degraded", node_id, "in back-off", "left")
    eventually(lambda: runs_as_another(grid, again), 20, "it runs once more")
    expect(grid, "degraded", node_id, "is unstable")
    expect(grid, "healthy")
    assert grid.grpc.show(node_id).status == "running"


@pytest.mark.soak
def test_an_agent_that_is_gone_makes_the_grid_degraded(grid: Grid) -> None:
    expect(grid, "healthy")
    agent = grid.agents["agent-2"]
    agent.kill()
    expect(grid, "degraded", "agent-2 is")
    agent.start()
    agent.wait_ready()
    expect(grid, "healthy")


@pytest.mark.soak
def test_without_its_master_the_grid_is_unknown_with_its_age_and_agents_that_end_then_change_nothing(
    grid: Grid,
) -> None:
    expect(grid, "healthy")
    assert (grid.http.get("/readyz").status, grid.http.get("/status").json["as_of_ms"]) == (200, 0)
    agent = grid.agents["agent-2"]
    try:
        grid.master.kill()
        agent.kill()
        expect(grid, "unknown", "the master can't be asked", grid.master_address, "UTC", "healthy then")
        as_of_ms = grid.http.get("/status").json["as_of_ms"]
        last_seen = scrape(grid.admin_address).value("sutra_grid_master_last_seen_timestamp_seconds")
        assert (as_of_ms / 1000, time.time() - last_seen < 60) == (last_seen, True)
        assert (grid.http.get("/readyz").status, grid.http.get("/livez").status) == (503, 200)
        assert grid.http.get("/readyz?exclude=master").status == 200
        grid.admin.stop()
        grid.admin.start()
        grid.admin.wait_ready()
        assert grid.http.get("/status").json["as_of_ms"] == as_of_ms, "a restarted admin tells the same age"
    finally:
        for daemon in (grid.master, agent):
            daemon.start()
            daemon.wait_ready()
    expect(grid, "healthy")
