"""Memory limits by real control groups: the stop sequence first, the kernel for a runaway, and nothing left behind."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.harness.agent_harness import AgentHarness, is_alive, kill_process
from support.harness.memory_groups import cgroup_parent_or_skip, group_of, groups_of
from support.harness.processes import kill_and_wait, processes_below
from support.texts import mentions
from support.waiting import eventually

from sutra_grid.agent.limits import cgroup_discovery
from sutra_grid.core.types import Desired, NodeReport, NodeState, Reason

pytestmark = pytest.mark.e2e

LIMIT_MB = 64
OVER_MB = 78  # above the limit, below the kernel's wall
RUNAWAY_MB = 400
# Holds as many MiB as its file "hold" says at once, and notes how many it has.
HOLDER = f"""#!{sys.executable} -SE
import os, sys, time
path = sys.argv[1]
held, parts = 0, []
while True:
    try:
        wanted = int(open(os.path.join(path, "hold")).read() or 0)
    except OSError:
        wanted = 0
    if wanted > held:
        parts.append(b"x" * ((wanted - held) << 20))
        held = wanted
        with open(os.path.join(path, "held"), "w") as stream:
            stream.write(str(held))
    time.sleep(0.03)
"""

# Told to, its child locks pages of a file in memory: the agent does not measure them, and the kernel can't take them
# back. So the hard limit is reached, however slow the host is. The parent waits for the child and goes on.
PARENT = f"""#!{sys.executable} -SE
import ctypes, mmap, os, sys, time
path = os.path.join(sys.argv[1], "hold")
size = {RUNAWAY_MB} << 20
while True:
    if os.path.exists(path):
        os.unlink(path)
        if os.fork() == 0:
            with open(os.path.join(sys.argv[1], "mapped"), "wb+") as stream:
                stream.truncate(size)
                pages = mmap.mmap(stream.fileno(), size)
            ctypes.CDLL(None).mlock(ctypes.byref(ctypes.c_char.from_buffer(pages)), ctypes.c_size_t(size))
            for at in range(0, size, 4096):
                pages[at]
            os._exit(0)
        os.wait()
    time.sleep(0.03)
"""


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[AgentHarness]:
    cgroup_parent_or_skip()
    program = tmp_path / "holder"
    program.write_text(HOLDER)
    program.chmod(0o755)
    holder = {
        "binary_path": str(program),
        "args": ["{storage_path}"],
        "health_probe": "none",
        "stop_grace_secs": 2.0,
    }
    parent = tmp_path / "parent"
    parent.write_text(PARENT)
    parent.chmod(0o755)
    engines = {
        "holder": holder,
        "parent": {**holder, "binary_path": str(parent)},
        "shell": {**holder, "binary_path": "/bin/sh", "args": ["-c", f"{program} {{storage_path}}; exit $?"]},
    }
    more: dict[str, Any] = {"engines": engines, "limits": {"memory": "cgroup"}}
    harness = AgentHarness(tmp_path / "home", **more).start()
    try:
        yield harness
        if not harness.daemon.is_running:
            harness.start()
        for node_id in harness.reports():
            harness.want(node_id, Desired.ABSENT)
        eventually(lambda: not groups_of(harness.state), message="groups removed with their nodes")
    finally:
        harness.kill()
        kill_and_wait(processes_below(tmp_path))


def spawn(agent: AgentHarness, engine: str = "holder") -> NodeReport:
    report = agent.run("node-1", engine, memory_limit_mb=LIMIT_MB)
    assert report.state is NodeState.RUNNING
    return report


def hold(report: NodeReport, megabytes: int) -> None:
    (Path(report.spec.storage_path) / "hold").write_text(str(megabytes))


def wait_held(report: NodeReport, megabytes: int) -> None:
    held = Path(report.spec.storage_path) / "held"
    eventually(lambda: held.exists() and held.read_text() == str(megabytes), message=f"{megabytes} MiB held")


def ended(agent: AgentHarness) -> NodeReport:
    return agent.wait_for("node-1", lambda one: bool(one.exits))


def test_a_node_over_its_limit_is_stopped_by_the_stop_sequence(agent: AgentHarness) -> None:
    node = spawn(agent)
    hold(node, OVER_MB)
    shown = ended(agent)
    hold(node, 0)
    assert (shown.exits[0].reason, shown.exits[0].signal) == (Reason.MEMORY_LIMIT, 15)
    again = agent.wait_for("node-1", NodeState.RUNNING)
    assert (again.reason, again.restarts) == (Reason.MEMORY_LIMIT, 1)
    assert again.pid != node.pid


def test_a_runaway_is_ended_by_the_kernel_and_counted_in_the_same_back_off(agent: AgentHarness) -> None:
    node = spawn(agent)
    hold(node, RUNAWAY_MB)
    shown = agent.wait_for("node-1", lambda one: one.reason is Reason.MEMORY_LIMIT and bool(one.exits))
    assert (shown.exits[0].reason, shown.exits[0].signal) == (Reason.MEMORY_LIMIT, 9)
    # It uses this much after each start: after three ends in a row it is given up.
    given_up = agent.wait_for("node-1", NodeState.FAILED)
    assert given_up.reason is Reason.MEMORY_LIMIT
    assert mentions(given_up.message, "kernel", f"{LIMIT_MB} MiB", 3), "who ended it, its limit, how many in a row"
    assert {one.reason for one in given_up.exits} == {Reason.MEMORY_LIMIT}
    eventually(lambda: not groups_of(agent.state), message="no group without a process")


def test_a_node_within_its_limit_is_left_alone_and_a_kill_by_hand_is_a_crash(agent: AgentHarness) -> None:
    node = spawn(agent)
    hold(node, LIMIT_MB - 20)
    wait_held(node, LIMIT_MB - 20)
    cache = Path(node.spec.storage_path) / "cached"  # the kernel can take that back: it does not count
    cache.write_bytes(b"x" * (8 << 20))
    place = cgroup_discovery.find_parent()
    group = cgroup_discovery.group_of(node.pid, place.mount)
    assert group is not None
    eventually(lambda: place.hierarchy.unreclaimable_bytes(group) > (LIMIT_MB - 24) << 20, message="it is counted")
    other = agent.run("node-2", "holder", memory_limit_mb=LIMIT_MB)
    hold(other, OVER_MB)  # a look later both were measured
    agent.wait_for("node-2", lambda one: bool(one.exits))
    hold(other, 0)
    same = agent.reports()["node-1"]
    assert (same.pid, same.restarts, same.exits) == (node.pid, 0, ())
    kill_process(node.pid)
    assert ended(agent).exits[0].reason is Reason.CRASHED


@pytest.mark.soak
def test_a_child_that_the_kernel_kills_is_told_once_while_its_parent_lives_on(agent: AgentHarness) -> None:
    node = spawn(agent, "parent")
    for kills in (1, 2):
        hold(node, RUNAWAY_MB)
        shown = agent.wait_for("node-1", lambda one, kills=kills: one.oom_kills == kills)  # type: ignore[misc]
        assert (shown.state, shown.reason, shown.pid) == (NodeState.RUNNING, Reason.OOM_KILLED, node.pid)
        assert mentions(shown.message, "kernel", "one of its processes", f"{LIMIT_MB} MiB")
    agent.kill()
    agent.start()
    assert agent.reports()["node-1"].oom_kills == 2, "journaled"
    kill_process(node.pid)
    killed = ended(agent)
    assert (killed.exits[0].reason, killed.oom_kills) == (Reason.CRASHED, 2), "a kill by hand is not the kernel's"


def test_a_shell_whose_program_the_kernel_killed_ends_for_memory(agent: AgentHarness) -> None:
    node = spawn(agent, "shell")
    hold(node, RUNAWAY_MB)
    shown = ended(agent)
    hold(node, 0)
    assert shown.exits[0].reason is Reason.MEMORY_LIMIT
    if shown.exits[0].signal != signal.SIGTERM:  # on a slow host the agent may have measured it before the kernel did
        assert (shown.exits[0].code, shown.oom_kills) == (137, 1)
        assert mentions(shown.end_cause, "kernel", "code 137")


def test_the_limit_holds_on_for_a_process_that_the_next_agent_adopts(agent: AgentHarness) -> None:
    node = spawn(agent)
    agent.kill()
    agent.start()
    assert agent.reports()["node-1"].pid == node.pid
    assert group_of(node.pid) == "node-1.1"
    hold(node, RUNAWAY_MB)
    shown = ended(agent)
    hold(node, 0)
    assert shown.exits[0].reason is Reason.MEMORY_LIMIT
    again = agent.wait_for("node-1", NodeState.RUNNING)
    assert group_of(again.pid) == f"node-1.{again.restarts + 1}"


def test_a_kill_while_the_agent_was_down_is_told_by_the_next_one(agent: AgentHarness) -> None:
    node = spawn(agent)
    agent.kill()
    hold(node, RUNAWAY_MB)
    eventually(lambda: not is_alive(node.pid), message="killed by the kernel")
    hold(node, 0)
    agent.start()
    shown = ended(agent)
    assert shown.exits[0].reason is Reason.MEMORY_LIMIT
    assert agent.wait_for("node-1", NodeState.RUNNING).reason is Reason.MEMORY_LIMIT


def test_a_process_that_an_agent_without_groups_had_started_is_put_into_one(agent: AgentHarness) -> None:
    agent.stop()
    agent.rewrite_config(limits={"memory": "sampled"})
    agent.start()
    node = spawn(agent)
    assert groups_of(agent.state) == []
    agent.stop()
    agent.rewrite_config(limits={"memory": "cgroup"})
    agent.start()
    assert agent.reports()["node-1"].pid == node.pid
    assert group_of(node.pid) == "node-1.1"
