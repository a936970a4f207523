"""Programs that clean their environment, change their title or can't be looked into: adopted with their pids.

What the journal has of a process (boot, pid, start) is proof whatever the program does. A node whose log was renamed or
deleted is the same node.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.faults.other_user import AS_NOBODY, check_or_skip, directory_of_nobody, unreadable_program
from support.harness.agent_harness import AgentHarness, is_alive
from support.harness.memory_groups import cgroup_parent_or_skip, group_of
from support.harness.processes import kill_and_wait, processes_below
from support.needs import skip_for
from support.programs.node_program import ran_twice
from support.waiting import eventually

from sutra_grid.agent.processes.identity import environment
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Desired, Health, NodeReport, NodeState, Reason

pytestmark = pytest.mark.e2e

REDIS_ARGS = ("--port", "{port}", "--bind", "127.0.0.1", "--dir", "{storage_path}", "--save", "")
NODE_ARGS = ("--port", "{port}", "--storage-path", "{storage_path}", "--node-id", "{node_id}")
PAUSED: Mapping[str, Mapping[str, Any]] = {"restart": {"first_delay_secs": 60.0, "max_delay_secs": 60.0}}


def redis_server() -> str:
    program = shutil.which("redis-server")
    if program is None:
        skip_for("redis-server (Debian package redis-server)")
    return program


def engine(binary: str, *args: str, probe: str = "tcp") -> dict[str, Any]:
    return {"binary_path": binary, "args": list(args), "health_probe": probe}


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[AgentHarness]:
    home = tmp_path / "home"
    program = str(home / "node-program")
    redis = redis_server()
    engines = {
        "cleaned": engine("/usr/bin/env", "-i", "LANG=C", redis, *REDIS_ARGS),
        "reset": engine("/usr/bin/setpriv", "--reset-env", program, *NODE_ARGS),
        "titled": engine(redis, *REDIS_ARGS, "--set-proc-title", "yes"),
        "portless": engine("/usr/bin/env", "-i", "LANG=C", program, *NODE_ARGS, "--deaf", probe="none"),
    }
    harness = AgentHarness(home, engines=engines, **PAUSED).start()
    yield harness
    if harness.daemon.is_running:
        harness.kill()
    kill_and_wait(processes_below(home))


def has_no_tag(pid: int) -> bool:
    return "SUTRA_GRID_LAUNCH" not in (environment(pid) or {})


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def restarted(agent: AgentHarness, node_id: str) -> NodeReport:
    """The node after its agent was killed and started again."""
    agent.kill()
    agent.start()
    return agent.wait_for(node_id, NodeState.RUNNING)


def stops_for_real(agent: AgentHarness, node: NodeReport) -> None:
    assert agent.want(node.node_id, Desired.STOPPED).state is NodeState.STOPPED
    assert not is_alive(node.pid)
    assert not answers(node.spec.port)


@pytest.mark.parametrize("name", ["cleaned", "reset", "titled", "portless"])
def test_a_node_without_its_tag_is_adopted_with_its_pid(agent: AgentHarness, name: str) -> None:
    first = agent.run("node-1", name)
    eventually(lambda: has_no_tag(first.pid), message="an environment without the tag")
    for _ in range(2):
        again = restarted(agent, "node-1")
        assert (again.pid, again.reason, again.restarts, again.exits) == (first.pid, Reason.ADOPTED, 0, ())
    assert not ran_twice(agent.data / "node-1")
    stops_for_real(agent, again)


def test_a_cleaned_program_in_its_control_group_is_adopted_although_its_identity_was_not_journaled(
    agent: AgentHarness,
) -> None:
    cgroup_parent_or_skip()
    first = agent.run("node-1", "portless")
    eventually(lambda: has_no_tag(first.pid) and group_of(first.pid), message="a control group and no tag")
    agent.kill()
    agent.rewrite_journal("node-1", process=None, phase=Phase.LAUNCHING)
    agent.start()
    again = agent.wait_for("node-1", NodeState.RUNNING)
    assert (again.pid, again.reason) == (first.pid, Reason.ADOPTED)
    stops_for_real(agent, again)


def delete(log: Path) -> None:
    log.unlink()


def rename(log: Path) -> None:
    log.rename(log.with_name(f"{log.name}.1"))


@pytest.mark.soak
@pytest.mark.parametrize(("name", "harm"), [("titled", delete), ("titled", rename), ("reset", delete)])
def test_a_node_whose_log_was_renamed_or_deleted_is_adopted_with_its_pid(
    agent: AgentHarness, name: str, harm: Callable[[Path], None]
) -> None:
    first = agent.run("node-1", name)
    harm(agent.state / "logs" / "node-1.log")
    again = restarted(agent, "node-1")
    assert (again.pid, again.reason, again.exits) == (first.pid, Reason.ADOPTED, ())
    stops_for_real(agent, again)


def test_a_node_that_the_agents_user_can_not_look_into_is_adopted_with_its_pid() -> None:
    with directory_of_nobody() as home:
        check_or_skip(AS_NOBODY)
        program = unreadable_program(redis_server(), home)
        agent = AgentHarness(home, engines={"unreadable": engine(str(program), *REDIS_ARGS)}, **PAUSED)
        agent.move_to(AS_NOBODY)
        agent.start()
        first = agent.run("node-1", "unreadable")
        assert (first.state, first.health) == (NodeState.RUNNING, Health.HEALTHY)
        again = restarted(agent, "node-1")
        assert (again.pid, again.reason, again.exits) == (first.pid, Reason.ADOPTED, ())
        stops_for_real(agent, again)
        agent.kill()
