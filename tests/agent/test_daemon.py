"""The agent as a real daemon with real node processes: what it promises when things fail."""

import os
import random
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.agent_harness import AgentHarness, is_alive, kill_now, kill_process, refusal_of
from support.daemons import run_program
from support.node_program import ran_twice, starts
from support.waiting import eventually

from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment, Desired, Health, NodeSpec, NodeState, Reason
from sutra_grid.runtime.net import is_port_free
from sutra_grid.wire.grid_pb2 import LogRequest, NodeId

MakeAgent = Callable[..., AgentHarness]


@pytest.fixture
def make_agent(tmp_path: Path) -> Iterator[MakeAgent]:
    made: list[AgentHarness] = []

    def make(**overrides: Any) -> AgentHarness:
        made.append(AgentHarness(tmp_path / "home", **overrides))
        return made[-1].start()

    yield make
    for agent in made:
        if agent.daemon.is_running:
            agent.kill()


@pytest.fixture
def agent(make_agent: MakeAgent) -> AgentHarness:
    return make_agent()


# -- nodes that end ------------------------------------------------------------


def test_a_node_that_ran_stably_and_is_killed_runs_again_at_once_and_signal_9_is_told(agent: AgentHarness) -> None:
    first = agent.run("node-1")
    assert (first.state, first.reason, first.health) == (NodeState.RUNNING, Reason.SPAWNED, Health.HEALTHY)
    threading.Event().wait(0.3)  # the stable while
    kill_now(first.pid)
    again = agent.wait_for("node-1", lambda one: one.state is NodeState.RUNNING and one.pid != first.pid, 3.0)
    assert again.restarts == 1
    assert (again.exits[0].signal, again.exits[0].code, again.exits[0].reason) == (9, None, Reason.CRASHED)
    assert "SIGKILL" in again.message
    assert starts(agent.data / "node-1") == [first.pid, again.pid]


def test_a_crash_loop_ends_as_failed_with_code_and_log_and_moves_nobody_else(agent: AgentHarness) -> None:
    other = agent.run("node-1")
    broken = agent.run("node-2", "broken")
    assert broken.exits[0].code == 3
    failed = agent.wait_for("node-2", NodeState.FAILED)
    assert (failed.reason, failed.pid) == (Reason.CRASH_LOOP, 0)
    assert failed.exits[0].code == 3
    assert failed.log_tail[-2:] == ("node node-2 starts", "node node-2 gives up")
    assert len(starts(agent.data / "node-2")) == 3
    assert agent.reports()["node-1"].pid == other.pid
    assert agent.want("node-2", Desired.RUNNING).reason is Reason.BACK_OFF


def test_a_node_that_ignores_its_stop_signal_is_killed_after_the_grace_and_leaves_nothing(agent: AgentHarness) -> None:
    running = agent.run("node-1", "stubborn")
    child = int(eventually((agent.data / "node-1" / "child").read_text))
    stopped = agent.want("node-1", Desired.STOPPED)
    assert (stopped.state, stopped.reason, stopped.pid) == (NodeState.STOPPED, Reason.STOP_TIMEOUT, 0)
    assert not is_alive(running.pid)
    eventually(lambda: not is_alive(child))
    assert is_port_free(running.spec.port)


def test_a_stop_that_races_a_crash_ends_stopped_and_never_runs_twice(agent: AgentHarness) -> None:
    for turn in range(8):
        running = agent.run("node-1")
        assert running.state is NodeState.RUNNING
        if turn % 2:
            kill_now(running.pid)
        killer = threading.Timer(random.uniform(0, 0.01), lambda pid=running.pid: _try_kill(pid))
        killer.start()
        assert agent.want("node-1", Desired.STOPPED).state is NodeState.STOPPED
        killer.join()
    assert agent.reports()["node-1"].state is NodeState.STOPPED
    assert not [pid for pid in starts(agent.data / "node-1") if is_alive(pid)]
    assert not ran_twice(agent.data / "node-1")


def test_a_node_that_does_not_become_ready_is_left_to_go_on_and_told(agent: AgentHarness) -> None:
    agent.want("node-1", Desired.RUNNING, NodeSpec(engine="deaf"), timeout_seconds=1.0)
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
    answer = agent.want("node-1", Desired.RUNNING, NodeSpec(engine="deaf"), timeout_seconds=1.0)
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


@pytest.mark.parametrize(
    ("spec", "reason", "words"),
    [
        (NodeSpec(engine="missing"), Reason.BINARY_MISSING, "no-such-program"),
        (NodeSpec(engine="plain"), Reason.BINARY_NOT_EXECUTABLE, "agent.toml"),
        (NodeSpec(engine="no-engine"), Reason.UNKNOWN_ENGINE, "no-engine"),
        (NodeSpec(storage_path="../elsewhere"), Reason.PATH_OUTSIDE_DATA, "elsewhere"),
        (NodeSpec(storage_path="link/x"), Reason.PATH_OUTSIDE_DATA, "/tmp/x"),
        (NodeSpec(storage_path="."), Reason.PATH_OUTSIDE_DATA, "not below"),
        (NodeSpec(storage_path=".agent/nodes"), Reason.PATH_TAKEN, "agent's own state"),
        (NodeSpec(storage_path="node-1"), Reason.PATH_TAKEN, "in use by node node-1"),
        (NodeSpec(storage_path="node-1/below"), Reason.PATH_TAKEN, "in use by node node-1"),
        (NodeSpec(storage_path="file/x"), Reason.PATH_NOT_WRITABLE, "not a directory"),
        (NodeSpec(port=80), Reason.PORT_OUT_OF_RANGE, "port 80"),
        (NodeSpec(port=-1), Reason.PORT_TAKEN, "belongs to node node-1"),  # stands for the port of node-1
        (NodeSpec(port=-2), Reason.PORT_TAKEN, "pytest"),  # stands for one that this test holds
    ],
)
def test_what_may_not_be_is_refused_by_name_and_leaves_nothing(
    agent: AgentHarness, spec: NodeSpec, reason: Reason, words: str
) -> None:
    held = agent.run("node-1")
    (agent.data / "link").symlink_to("/tmp")
    (agent.data / "file").touch()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", held.spec.port + 1 if spec.port == -2 else 0))
        holder.listen()
        port = {-1: held.spec.port, -2: held.spec.port + 1}.get(spec.port, spec.port)
        asked = NodeSpec(spec.engine, port, spec.storage_path, spec.memory_limit_mb)
        before = sorted(agent.data.iterdir())
        error = refusal_of(lambda: agent.want("node-2", Desired.RUNNING, asked))
    words = words.replace("pytest", f"pid {os.getpid()}")
    assert (error.reason, words in error.message) == (reason, True), error
    assert error.hint
    assert list(agent.reports()) == ["node-1"]
    assert sorted(agent.data.iterdir()) == before
    assert not agent.journal_file("node-2").exists()


def test_full_slots_are_refused(make_agent: MakeAgent) -> None:
    agent = make_agent(agent={"max_storage_nodes": 1})
    agent.run("node-1")
    error = refusal_of(lambda: agent.run("node-2"))
    assert (error.reason, "max_storage_nodes is 1" in error.message) == (Reason.SLOTS_FULL, True)


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


def test_a_node_that_died_while_the_agent_was_down_runs_again(agent: AgentHarness) -> None:
    first = agent.run("node-1")
    agent.kill()
    kill_process(first.pid)
    agent.start()
    again = agent.wait_for("node-1", NodeState.RUNNING)
    assert again.pid != first.pid
    assert (again.reason, again.exits[0].reason, again.restarts) == (Reason.LOST, Reason.LOST, 1)


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


def test_a_damaged_journal_is_set_aside_and_the_process_is_kept(agent: AgentHarness) -> None:
    damaged, whole = agent.run("node-1"), agent.run("node-2")
    agent.kill()
    agent.journal_file("node-1").write_text('{"format": 1, "half')
    agent.start()
    reports = agent.reports()
    assert reports["node-2"].pid == whole.pid
    assert reports["node-1"].pid == damaged.pid
    assert "damaged-1" in reports["node-1"].message
    assert agent.want("node-1", Desired.STOPPED).state is NodeState.STOPPED
    assert not is_alive(damaged.pid)


def test_a_node_whose_journal_is_lost_wholly_is_kept_until_the_master_speaks(agent: AgentHarness) -> None:
    running = agent.run("node-1")
    agent.kill()
    for file in (agent.state / "nodes").iterdir():
        file.write_text("nonsense")
    agent.start()
    kept = agent.wait_for("node-1", NodeState.RUNNING)
    assert (kept.pid, kept.generation, kept.spec) == (running.pid, 0, running.spec)
    known = agent.apply(Assignment("node-1", 5, Desired.RUNNING, running.spec, restart_generation=1))
    assert (known.pid, known.generation) == (running.pid, 5)


def test_a_dead_node_whose_journal_is_lost_is_told_as_failed_and_started_by_the_master(agent: AgentHarness) -> None:
    running = agent.run("node-1")
    agent.kill()
    kill_process(running.pid)
    for file in (agent.state / "nodes").iterdir():
        file.write_text("nonsense")
    agent.start()
    lost = agent.reports()["node-1"]
    assert (lost.state, lost.reason, lost.generation) == (NodeState.FAILED, Reason.JOURNAL_CORRUPT, 0)
    again = agent.apply(Assignment("node-1", 5, Desired.RUNNING, running.spec))
    assert (again.state, again.spec) == (NodeState.RUNNING, running.spec)


def test_a_journal_of_a_newer_version_is_neither_used_nor_written(agent: AgentHarness) -> None:
    running, other = agent.run("node-1"), agent.run("node-2")
    agent.kill()
    newer = '{"format": 99, "surprise": true}'
    agent.journal_file("node-1").write_text(newer)
    agent.start()
    reports = agent.reports()
    assert (reports["node-1"].reason, reports["node-1"].pid) == (Reason.UNSUPPORTED, running.pid)
    assert reports["node-2"].pid == other.pid
    with pytest.raises(FailedPrecondition, match="format 99"):
        agent.apply(Assignment("node-1", 9, Desired.STOPPED))
    assert agent.journal_file("node-1").read_text() == newer
    assert is_alive(running.pid)


# -- starting ------------------------------------------------------------------------


def test_a_wrong_configuration_ends_with_2_and_names_the_key(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text('[agent]\nagent_id = "a b"\nmaster_hots = "x:1"\n[storage]\ndata_path = "/x"\n')
    done = run_program("sutra-grid-agent", "--config", str(file))
    assert done.exit_code == 2
    for words in ("agent_id", "master_hots", "master_host", "bad.toml"):
        assert words in done.stderr
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
    assert f"pid {os.getpid()}" in blocked.daemon.log_text()


def _try_kill(pid: int) -> None:
    try:
        kill_now(pid)
    except ProcessLookupError:
        return


def _apply_and_forget(agent: AgentHarness, assignment: Assignment) -> None:
    try:
        agent.apply(assignment, timeout_seconds=2.0)
    except Exception:  # noqa: BLE001 - the agent dies under this call in any way it likes
        return
