"""The master is lost: agents and nodes run on, and the view comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.harness.daemons import run_program
from support.harness.grid import Grid, GridSpec
from support.harness.interfaces import Refused, what_runs
from support.harness.processes import kill_and_wait
from support.waiting import eventually

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with Grid(tmp_path_factory.mktemp("grid"), GridSpec(agents=2)) as grid:
        for _ in range(4):
            grid.grpc.spawn()
        yield grid


def test_a_master_killed_with_sigkill_shows_the_same_view_within_one_interval(grid: Grid) -> None:
    running = grid.processes()
    before = what_runs(grid.grpc.nodes())

    grid.master.kill()
    assert grid.processes() == running
    grid.master.start()
    grid.master.wait_ready()

    eventually(
        lambda: what_runs(grid.grpc.nodes()) == before,
        grid.spec.heartbeat_seconds + 1.0,
        "the same nodes",
    )
    assert set(grid.agent_statuses().values()) == {"healthy"}
    assert grid.processes() == running


def test_the_admin_answers_reads_while_the_master_is_down_and_refuses_commands_with_the_reason(grid: Grid) -> None:
    before = what_runs(grid.rest.nodes())
    grid.master.kill()
    try:
        assert grid.http.get("/livez").status == 200
        assert what_runs(grid.rest.nodes()) == before
        assert set(grid.rest.agents()) == set(grid.agents)
        assert grid.http.get("/status").status == 200
        assert grid.http.get("/events").status == 200
        with pytest.raises(Refused) as refusal:
            grid.rest.stop(grid.rest.nodes()[0].node_id)
        assert (refusal.value.code, refusal.value.status) == ("unavailable", 503)
        assert grid.cli.run("status").exit_code == 4
    finally:
        grid.master.start()
        grid.master.wait_ready()
    grid.wait_agents("healthy")


def test_nodes_that_die_while_the_master_is_down_are_restarted_by_their_agent_alone(grid: Grid) -> None:
    # A master that has just started shows no process until the first heartbeat.
    victim = eventually(
        lambda: next((node for node in grid.grpc.nodes() if node.pid), None), message="a node with its process"
    )
    grid.master.kill()
    try:
        kill_and_wait([victim.pid])
        eventually(lambda: victim.node_id in grid.pids(), message="the node runs again")
        pid = grid.pids()[victim.node_id]
    finally:
        grid.master.start()
        grid.master.wait_ready()

    eventually(lambda: grid.grpc.show(victim.node_id).pid == pid, message="the new pid shown")


def test_a_second_master_is_refused_by_the_registry_and_by_the_port(grid: Grid) -> None:
    config = str(grid.master.config)
    same = run_program("sutra-grid-master", "--config", config)
    other = run_program("sutra-grid-master", "--config", config, "--registry-url", f"sqlite:///{grid.root}/other.db")

    for refused, thing in ((same, str(grid.registry)), (other, str(grid.ports[0]))):
        assert refused.exit_code == 1
        assert thing in refused.stderr
        assert str(grid.master.pid) in refused.stderr
        assert "Traceback" not in refused.stderr
