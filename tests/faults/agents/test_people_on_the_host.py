"""People work on a node's host: their shells, clients and backups are not taken for a process of a node."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.harness.agent_harness import AgentHarness, is_alive, kill_process
from support.harness.processes import kill_and_wait, processes_below

from sutra_grid.core.types import NodeState

pytestmark = pytest.mark.e2e

ENDS = (NodeState.RUNNING, NodeState.FAILED)
PEOPLE = {
    "a job of cron in the directory": "cd {directory} && exec setsid sh -c 'sleep 60; true'",
    "a shell in the directory": "cd {directory} && exec bash -c 'sleep 60; true'",
    "a backup of the directory": "exec bash -c 'sleep 60; true' backup {directory}",
    "a program with the last arguments of the node": "exec tail -f {directory}/file",
}


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[AgentHarness]:
    home = tmp_path / "home"
    # A wrapper that stays the leader.
    args = [
        "-c",
        "perl -e 'sleep 3600'; true",
        "program",
        "-f",
        "{storage_path}/file",
    ]
    engines = {"wrapped": {"binary_path": "/bin/bash", "args": args, "health_probe": "none"}}
    harness = AgentHarness(home, engines=engines, limits={"memory": "sampled"}).start()
    yield harness
    if harness.daemon.is_running:
        harness.kill()
    kill_and_wait(processes_below(home))


@contextmanager
def person(command: str) -> Iterator[int]:
    """A process that a living parent has started, as sshd and cron do. Gives its pid."""
    line = f"({command}) </dev/null >/dev/null 2>&1 & echo $!; wait"
    parent = subprocess.Popen(["/bin/sh", "-c", line], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    try:
        yield pid
    finally:
        kill_and_wait([pid])
        parent.communicate()


@pytest.mark.parametrize("command", PEOPLE.values(), ids=PEOPLE)
def test_what_a_person_started_keeps_no_node_from_its_start(agent: AgentHarness, command: str) -> None:
    first = agent.run("node-1", "wrapped")
    directory = agent.data / "node-1"
    (directory / "file").touch()
    agent.kill()
    kill_process(first.pid)
    with person(command.format(directory=directory)) as pid:
        agent.start()
        again = agent.wait_for("node-1", lambda one: one.state in ENDS and one.pid != first.pid)
        assert again.state is NodeState.RUNNING, again.message
        assert is_alive(pid)
