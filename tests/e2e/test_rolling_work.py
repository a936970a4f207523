"""Rolling restarts and drains by the command line, on real processes."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.harness.daemons import clean_environ, script
from support.harness.grid import Grid, GridSpec
from support.texts import has_line
from support.waiting import eventually

NODES = 3


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[Grid]:
    spec = GridSpec(with_admin=False, extra={"restart": {"max_crashes": 2, "first_delay_secs": 0.1}})
    with Grid(tmp_path, spec) as grid:
        for _ in range(NODES):
            grid.grpc.spawn("agent-1")
        yield grid


@contextmanager
def most_down(grid: Grid) -> Iterator[list[int]]:
    """Watches the process table: the most nodes that had no process at one moment, in the list."""
    worst = [0]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            worst[0] = max(worst[0], NODES - len(grid.processes()))

    watcher = threading.Thread(target=watch, name="watcher")
    watcher.start()
    try:
        yield worst
    finally:
        ended.set()
        watcher.join()


def go_on(stderr: str) -> list[str]:
    """The arguments of the command that resumes a rolling restart."""
    (line,) = (line for line in stderr.splitlines() if "sutra-grid-cli nodes restart" in line)
    program, *arguments = shlex.split(line[line.index("sutra-grid-cli") :])
    assert program == "sutra-grid-cli"
    return arguments


def roll(grid: Grid, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(script("sutra-grid-cli")), *arguments]
    environ = {**clean_environ(), "SUTRA_GRID_MASTER": grid.master_address}
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=False)


def test_a_rolling_restart_replaces_every_process_and_never_takes_two_down(grid: Grid) -> None:
    before = grid.pids()
    with most_down(grid) as worst:
        done = roll(grid, "nodes", "restart", "--agent", "agent-1", "--pause", "0.3")
    assert (done.returncode, done.stderr) == (0, "")
    after = grid.pids()
    assert after.keys() == before.keys()
    assert all(after[name] != before[name] for name in before)
    assert worst[0] <= 1
    assert all(node.health == "healthy" and node.restarts == 1 for node in grid.grpc.nodes())


def test_it_stops_at_a_node_that_does_not_come_up_and_goes_on_when_that_is_fixed(grid: Grid) -> None:
    before = grid.pids()
    first, broken, last = sorted(before)
    node = grid.grpc.show(broken)
    current = Path(node.storage_path) / "db" / "CURRENT"
    right = current.read_bytes()
    current.write_text("nonsense\n")  # read at the next start

    stopped = roll(grid, "nodes", "restart", "--all")
    assert stopped.returncode == 1, stopped.stderr
    assert has_line(stopped.stderr, "error", broken)
    assert has_line(stopped.stderr, "1 of 3", first)
    assert has_line(stopped.stderr, "left", 2, f"{broken}, {last}")
    assert grid.pids()[last] == before[last], "what stands behind a failure is not touched"

    again = roll(grid, *go_on(stopped.stderr))
    assert again.returncode == 1, "while it is broken, nothing else is taken down"
    assert grid.pids()[last] == before[last]

    done_first = grid.pids()[first]
    current.write_bytes(right)
    finished = roll(grid, *go_on(again.stderr))
    assert finished.returncode == 0, finished.stderr
    after = grid.pids()
    assert after[first] == done_first, "what was done is not done again"
    assert after[last] != before[last]
    assert grid.wait_node(broken, "running").pid == after[broken]


def test_ctrl_c_leaves_a_grid_that_runs_and_says_how_to_go_on(grid: Grid) -> None:
    before = grid.pids()
    process = subprocess.Popen(
        [str(script("sutra-grid-cli")), "nodes", "restart", "--all", "--pause", "30"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**clean_environ(), "SUTRA_GRID_MASTER": grid.master_address},
    )  # fmt: skip
    first = min(before)
    eventually(lambda: grid.pids().get(first, before[first]) != before[first], message="the first one restarted")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert has_line(err, "left", 3)
    eventually(lambda: len(grid.pids()) == NODES, message="all run")
    assert {name for name, pid in grid.pids().items() if pid == before[name]} == set(before) - {first}
    arguments = [word for word in go_on(err) if word not in {"--pause", "30"}]
    assert roll(grid, *arguments).returncode == 0
    assert all(pid != before[name] for name, pid in grid.pids().items())


def test_a_drained_agent_has_no_process_and_an_undrain_starts_what_it_has_stopped(grid: Grid) -> None:
    by_hand, by_drain, after = sorted(grid.pids())
    assert roll(grid, "nodes", "stop", by_hand).returncode == 0
    grid.grpc.spawn("agent-1")
    (fourth,) = set(grid.pids()) - {by_drain, after}
    told = roll(grid, "agents", "drain", "agent-1")
    assert (told.returncode, len(grid.pids())) == (0, NODES)
    assert has_line(told.stdout, "agent-1", 3), "how many nodes still run"
    crashing = min(grid.pids().values())
    stopped = roll(grid, "agents", "drain", "agent-1", "--stop-nodes", "-o", "json")
    assert stopped.returncode == 0, stopped.stderr
    assert grid.processes() == {}, f"a process is left ({crashing=})"
    (record,) = json.loads(stopped.stdout)["agents"]
    assert record["drained"]
    assert {node["status"] for node in record["storage_nodes"]} == {"stopped"}
    assert all(Path(node["spec"]["storage_path"]).is_dir() for node in record["storage_nodes"])

    assert roll(grid, "nodes", "stop", after).returncode == 0  # by hand now
    grid.master.kill()
    grid.master.start()
    eventually(lambda: grid.agent_statuses() == {"agent-1": "healthy"})
    assert roll(grid, "agents", "drain", "agent-1", "--stop-nodes").returncode == 0
    back = roll(grid, "agents", "undrain", "agent-1", "--start-nodes")
    assert back.returncode == 0, back.stderr
    assert has_line(back.stdout, "agent-1", 2, "started")
    assert set(grid.pids()) == {by_drain, fourth}
    assert {node.node_id for node in grid.grpc.nodes() if node.status == "stopped"} == {by_hand, after}
