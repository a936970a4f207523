"""A process of a launch that the agent may not signal, because it runs as another user."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.faults.other_user import AS_NOBODY, check_or_skip, directory_of_nobody
from support.harness.agent_harness import AgentHarness, is_alive, kill_now, kill_process
from support.needs import skip_for
from support.texts import mentions
from support.waiting import eventually, throughout

from sutra_grid.core.types import NodeState, Reason

pytestmark = pytest.mark.e2e

OTHER_USER = 2


def program_of_another_user(home: Path) -> Path:
    """A program that becomes another user, whoever starts it: a copy of setpriv with the setuid bit of root."""
    original = shutil.which("setpriv")
    if original is None:
        skip_for("setpriv (Debian package util-linux)")
    program = home / "as-another-user"
    shutil.copy(original, program)
    program.chmod(0o4755)
    return program


def test_a_leftover_of_another_user_is_named_and_nothing_is_started_beside_it() -> None:
    with directory_of_nobody() as home:
        check_or_skip(AS_NOBODY)
        become = f"{program_of_another_user(home)} --reuid={OTHER_USER} --regid={OTHER_USER} --clear-groups"
        line = f"{become} sleep 300 & echo $! > other; wait"
        engine = {"binary_path": "/bin/sh", "args": ["-c", line], "health_probe": "none", "stop_grace_secs": 0.5}
        agent = AgentHarness(home, engines={"mixed": engine})
        agent.move_to(AS_NOBODY)
        agent.start()
        first = agent.run("node-1", "mixed")
        noted = Path(first.spec.storage_path) / "other"
        other = int(eventually(lambda: noted.exists() and noted.read_text().strip(), message="its child"))
        eventually(lambda: Path(f"/proc/{other}").stat().st_uid == OTHER_USER, message="the other user")

        kill_process(first.pid)

        told = agent.wait_for("node-1", lambda one: "can't be ended" in one.message, timeout_seconds=20)
        assert (told.state, told.reason, told.pid) == (NodeState.STOPPING, Reason.LEFTOVERS, 0)
        assert mentions(told.message, f"{other} (sleep)", "runs as a user whose processes the agent must not signal")
        throughout(lambda: agent.reports()["node-1"].pid == 0, 1.0, "started beside it")
        assert is_alive(other)
        kill_now(other)
        again = agent.wait_for("node-1", NodeState.RUNNING)
        assert (again.restarts, again.exits[0].killed) == (1, ""), "the agent did not end it"
        agent.kill()
