"""The agent as a real daemon with real node processes: what it guarantees when things fail."""

import os
import random
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.harness.agent_harness import AgentHarness, is_alive, kill_now, refusal_of
from support.harness.daemons import run_program
from support.programs.node_program import ran_twice, starts
from support.texts import mentions
from support.waiting import eventually

from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment, Desired, Health, NodeSpec, NodeState, Reason
from sutra_grid.wire.grid_pb2 import LogRequest, NodeId

MakeAgent = Callable[..., AgentHarness]


# -- nodes that end ------------------------------------------------------------


def test_a_node_that_does_not_become_ready_is_left_to_go_on_and_told(agent: AgentHarness) -> None:
    agent.want("node-1", Desired.RUNNING, NodeSpec(engine="deaf"), timeout_seconds=3.0)
    slow = agent.wait_for("node-1", lambda one: one.reason is Reason.START_TIMEOUT)
    assert (slow.state, slow.health) == (NodeState.STARTING, Health.UNHEALTHY)
    assert is_alive(slow.pid)


# -- commands --------------------------------------------------------------------


def test_a_node_is_started_stopped_restarted_and_removed_and_its_data_is_kept(agent: AgentHarness) -> None:
    first = agent.run("node-1")
    assert first.spec.storage_path == str(agent.data / "node-1")
    assert first.spec.memory_limit_mb == 64
    assert first.endpoint == f"127.0.0.1:{first.spec.port}"
    assert agent.want("node-1", Desired.STOPPED).state is NodeState.STOPPED
    second = agent.want("node-1", Desired.RUNNING)
    third = agent.want("node-1", Desired.RUNNING, restart=True)
    assert (third.state, third.spec) == (NodeState.RUNNING, first.spec)
    assert third.restarts == second.restarts + 1
    assert len({first.pid, second.pid, third.pid}) == 3
    gone = agent.want("node-1", Desired.ABSENT)
    assert (gone.state, gone.desired, gone.pid) == (NodeState.STOPPED, Desired.ABSENT, 0)
    assert agent.reports() == {}
    assert not is_alive(third.pid)
    assert list((agent.state / "nodes").iterdir()) == []
    assert len(starts(agent.data / "node-1")) == 3


def test_the_same_assignment_again_changes_nothing(agent: AgentHarness) -> None:
    assignment = Assignment("node-1", 4, Desired.RUNNING)
    first = agent.apply(assignment)
    assert agent.apply(assignment).pid == first.pid
    assert agent.apply(Assignment("node-1", 3, Desired.STOPPED)).pid == first.pid
    assert starts(agent.data / "node-1") == [first.pid]


def test_a_late_spawn_does_not_bring_a_removed_node_back(agent: AgentHarness) -> None:
    agent.apply(Assignment("node-1", 2, Desired.ABSENT))
    late = agent.apply(Assignment("node-1", 1, Desired.RUNNING))
    assert (late.desired, late.generation, late.pid) == (Desired.ABSENT, 2, 0)
    assert list((agent.state / "nodes").iterdir()) == []
    told = agent.reports()["node-1"]  # so that a registry that does not know of the removal learns of it
    assert (told.desired, told.generation, told.pid) == (Desired.ABSENT, 2, 0)


def test_an_answer_comes_before_the_callers_deadline_even_if_the_node_has_not_settled(agent: AgentHarness) -> None:
    answer = agent.want("node-1", Desired.RUNNING, NodeSpec(engine="deaf"), timeout_seconds=3.0)
    assert answer.state is NodeState.STARTING
    assert answer.pid
    assert answer.exits == ()


def test_logs_and_samples_of_a_node_can_be_read(agent: AgentHarness) -> None:
    agent.run("node-1")
    chunk = agent.stub.ReadNodeLog(LogRequest(node_id="node-1", tail_lines=5))
    assert chunk.data == b"node node-1 starts\n"
    agent.want("node-1", Desired.RUNNING, restart=True)
    assert agent.stub.ReadNodeLog(LogRequest(node_id="node-1", cursor=chunk.cursor)).data == b"node node-1 starts\n"
    samples = eventually(lambda: agent.stub.ListNodeSamples(NodeId(node_id="node-1")).samples)
    assert samples[-1].rss_bytes > 1_000_000


def test_an_assignment_for_another_agent_is_refused(agent: AgentHarness) -> None:
    stray = Assignment("node-1", 1, Desired.RUNNING, agent_id="agent-2")
    assert refusal_of(lambda: agent.apply(stray)).reason is Reason.WRONG_AGENT


# -- the agent's own end -------------------------------------------------------------


@pytest.mark.parametrize("way", ["kill", "stop"])
def test_nodes_live_through_the_agents_end_and_are_adopted_with_their_pids(agent: AgentHarness, way: str) -> None:
    before = {f"node-{n}": agent.run(f"node-{n}").pid for n in range(3)}
    restarts = agent.want("node-0", Desired.RUNNING, restart=True)
    before["node-0"] = restarts.pid
    getattr(agent, way)()
    assert all(is_alive(pid) for pid in before.values())
    agent.start()
    after = agent.reports()
    assert {node_id: report.pid for node_id, report in after.items()} == before
    assert {report.reason for report in after.values()} == {Reason.ADOPTED}
    assert after["node-0"].restarts == 1
    kill_now(before["node-1"])
    again = agent.wait_for("node-1", lambda one: one.pid not in (0, before["node-1"]))
    assert again.exits[0].reason is Reason.CRASHED
    assert agent.want("node-2", Desired.STOPPED).state is NodeState.STOPPED
    assert not is_alive(before["node-2"])


def test_a_stopped_node_stays_stopped_over_the_agents_end(agent: AgentHarness) -> None:
    agent.run("node-1")
    agent.want("node-1", Desired.STOPPED)
    agent.kill()
    agent.start()
    assert agent.reports()["node-1"].state is NodeState.STOPPED
    assert len(starts(agent.data / "node-1")) == 1


def test_a_process_whose_start_was_not_journaled_any_more_is_found_and_not_doubled(agent: AgentHarness) -> None:
    running = agent.run("node-1")
    agent.kill()
    agent.rewrite_journal("node-1", phase=Phase.LAUNCHING, process=None, ready_at=None)
    agent.start()
    found = agent.wait_for("node-1", NodeState.RUNNING)
    assert (found.pid, found.reason) == (running.pid, Reason.ADOPTED)
    assert starts(agent.data / "node-1") == [running.pid]


@pytest.mark.soak
def test_an_agent_killed_at_any_moment_of_spawns_stops_and_restarts_leaves_each_node_running_once(
    agent: AgentHarness,
) -> None:
    lucky = random.Random(7)
    for generation in range(1, 13):
        desired = Desired.STOPPED if generation % 4 == 3 else Desired.RUNNING
        since = generation if generation % 4 == 2 else 0
        assignment = Assignment("node-1", generation, desired, restart_generation=since)
        caller = threading.Thread(target=_apply_and_forget, args=(agent, assignment))
        caller.start()
        threading.Event().wait(lucky.uniform(0.0, 0.15))
        agent.kill()
        caller.join()
        agent.start()
        settled = agent.apply(assignment)  # what the next heartbeat would bring
        wanted = NodeState.RUNNING if desired is Desired.RUNNING else NodeState.STOPPED
        assert settled.state is wanted, settled
        alive = [pid for pid in starts(agent.data / "node-1") if is_alive(pid)]
        assert alive == ([settled.pid] if settled.pid else [])
    assert not ran_twice(agent.data / "node-1")


# -- starting ------------------------------------------------------------------------


def test_a_wrong_configuration_ends_with_2_and_names_the_key(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text('[agent]\nagent_id = "a b"\nmaster_hots = "x:1"\n[storage]\ndata_path = "/x"\n')
    done = run_program("sutra-grid-agent", "--config", str(file))
    assert done.exit_code == 2
    assert mentions(done.stderr, "agent.agent_id", "agent.master_hots", "master_host", "bad.toml")
    assert "Traceback" not in done.stderr


def test_a_data_path_that_can_not_be_used_ends_with_1_and_names_it(tmp_path: Path) -> None:
    blocked = AgentHarness(tmp_path / "home", storage={"data_path": "/proc/nowhere"})
    blocked.daemon.start()
    assert blocked.daemon.exit_code() == 1
    assert "/proc/nowhere" in blocked.daemon.log_text()
    assert "Traceback" not in blocked.daemon.log_text()


def test_a_port_that_is_taken_ends_with_1_and_names_the_holder(tmp_path: Path) -> None:
    blocked = AgentHarness(tmp_path / "home")
    host, _, port = blocked.address.partition(":")
    with socket.socket() as holder:
        holder.bind((host, int(port)))
        holder.listen()
        blocked.daemon.start()
        assert blocked.daemon.exit_code() == 1
    assert mentions(blocked.daemon.log_text(), os.getpid(), blocked.address)


def _apply_and_forget(agent: AgentHarness, assignment: Assignment) -> None:
    try:
        agent.apply(assignment, timeout_seconds=2.0)
    except Exception:  # noqa: BLE001 - the agent dies under this call in any way it likes
        return
