"""The master's memory and registry after losses: restored copies, failing writes, renamed hosts."""

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.fakes import fake_agent
from support.fakes.fake_agent import FakeAgent
from support.faults.registry_files import delete_registry
from support.harness.master_harness import MasterHarness
from support.harness.registration import register_with_retry
from support.waiting import eventually

from sutra_grid.core.errors import AlreadyExists, Unavailable
from sutra_grid.core.types import Assignment, Desired, NodeReport, NodeState, Reason
from sutra_grid.wire import grid_pb2 as pb


def back_up(harness: MasterHarness, agent: FakeAgent) -> Callable[[], None]:
    """Copy the registry. The function that is returned puts the copy back, before the agent's next heartbeat."""
    copy = harness.registry_file.with_suffix(".copy")
    harness.stop()
    shutil.copy(harness.registry_file, copy)
    harness.start()
    agent.heartbeat(harness.stub)

    def restore() -> None:
        harness.stop()
        delete_registry(harness.registry_file)
        shutil.copy(copy, harness.registry_file)
        harness.start()

    return restore


def test_a_registry_restored_from_an_older_copy_catches_up_from_the_agents(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    kept = harness.spawn().node
    restore = back_up(harness, agent)
    harness.restart_node(kept.node_id)
    newer = harness.spawn().node
    restore()
    pids = {node_id: report.pid for node_id, report in agent.journal.items()}
    agent.heartbeat(harness.stub)
    eventually(lambda: len(harness.nodes()) == 2, message="both nodes known again")
    eventually(lambda: harness.node(kept.node_id).generation == 2, message="the newer generation followed")
    assert harness.node(newer.node_id).pid == pids[newer.node_id]
    harness.pass_time(4, agent)
    assert {node_id: report.pid for node_id, report in agent.journal.items()} == pids
    assert sorted(harness.kinds(kind="node.followed") + harness.kinds(kind="node.taken_over")) == [
        "node.followed",
        "node.taken_over",
    ]


def test_a_command_on_an_older_copy_wins_also_when_the_agent_is_away(harness: MasterHarness, agent: FakeAgent) -> None:
    node = harness.spawn().node
    restore = back_up(harness, agent)
    harness.restart_node(node.node_id)
    harness.restart_node(node.node_id)
    restore()

    def away(self: FakeAgent, assignment: Assignment) -> NodeReport:
        raise Unavailable("the agent is away", reason=Reason.AGENT_UNREACHABLE)

    agent.script += [away] * 2
    answer = harness.stop_node(node.node_id)
    assert answer.error.reason == "agent_unreachable"
    assert answer.node.desired == "stopped", "the command is recorded"
    harness.restart()  # nothing of it hangs on the memory of one master
    harness.pass_time(4, agent)
    assert agent.journal[node.node_id].state is NodeState.STOPPED
    assert harness.node(node.node_id).status == "stopped"


@pytest.mark.parametrize(("first", "last"), [("stop", "running"), ("start", "stopped")])
def test_what_an_older_copy_takes_for_done_is_done_before_it_is_answered(
    harness: MasterHarness, agent: FakeAgent, first: str, last: str
) -> None:
    node_id = harness.spawn().node.node_id
    command = {"stop": harness.stop_node, "start": harness.start_node}
    other = {"stop": "start", "start": "stop"}[first]
    assert command[first](node_id).success
    harness.pass_time(2, agent)
    restore = back_up(harness, agent)
    assert command[other](node_id).success
    assert agent.journal[node_id].state == last
    restore()

    answer = command[first](node_id)

    assert answer.success, answer.error_message
    assert agent.journal[node_id].state != last
    harness.pass_time(4, agent)
    assert agent.journal[node_id].state != last


def test_a_failed_spawn_that_the_registry_could_not_be_told_of_is_ended_when_it_answers_again(
    harness: MasterHarness, agent: FakeAgent, lock_registry: Callable[[], Callable[[], None]]
) -> None:
    unlock: list[Callable[[], None]] = []

    def refuse_and_lock(self: FakeAgent, assignment: Assignment) -> NodeReport:
        self.obey(assignment)
        unlock.append(lock_registry())
        raise AlreadyExists("port 50051 is taken", reason=Reason.PORT_TAKEN)

    agent.script.append(refuse_and_lock)
    answer = harness.spawn()
    assert (answer.success, answer.error.reason) == (False, "port_taken")
    assert harness.nodes()[0].desired == "running"
    unlock[0]()
    eventually(lambda: harness.nodes()[0].desired == "absent", message="the failed spawn is given up")
    harness.pass_time(4, agent)
    assert agent.journal == {}
    harness.pass_time(2, agent)
    eventually(lambda: harness.nodes() == [], message="the failed spawn is removed")


def test_observations_of_a_locked_time_are_written_when_it_ends(
    harness: MasterHarness, agent: FakeAgent, lock_registry: Callable[[], Callable[[], None]]
) -> None:
    unlock = lock_registry()
    harness.pass_time(30)
    agent.heartbeat(harness.stub)
    eventually(lambda: harness.core.registry_writer.failures > 0, message="the registry is seen to be locked")
    unlock()
    told = ["agent.degraded", "agent.offline", "agent.recovered"]
    eventually(lambda: harness.kinds(kind="agent")[1:] == told, message="the events are written")

    def heartbeat_ms() -> int:
        row = harness.registry.agent("agent-1")
        assert row is not None
        return row.last_heartbeat_ms

    eventually(lambda: heartbeat_ms() == int(harness.clock.wall() * 1000), message="the heartbeat is written")


def test_hundreds_of_agents_register_at_once_and_none_is_lost(make_harness: Callable[..., MasterHarness]) -> None:
    harness = make_harness(lock_wait_seconds=10.0)

    def register(number: int) -> bool:
        info = pb.AgentInfo(agent_id=f"agent-{number}", hostname="h", host_id=f"h{number}", max_storage_nodes=3)
        return register_with_retry(harness.stub, info, 30).success

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(register, range(300)))
    assert harness.stub.GetClusterStatus(pb.Empty()).healthy_agents == 300
    assert len(harness.registry.agents()) == 300


def test_heartbeats_and_commands_at_once_lose_nothing(
    make_harness: Callable[..., MasterHarness], make_agent: Callable[..., FakeAgent]
) -> None:
    harness, agent = make_harness(lock_wait_seconds=10.0), make_agent()
    agent.register(harness.stub)
    done = threading.Event()

    def beat() -> None:
        while not done.is_set():
            agent.heartbeat(harness.stub)

    with ThreadPoolExecutor(9) as pool:
        beating = pool.submit(beat)
        spawned = list(pool.map(lambda _: harness.spawn(), range(8)))
        stopped = list(pool.map(lambda answer: harness.stop_node(answer.node_id), spawned[:4]))
        removed = list(pool.map(lambda answer: harness.remove_node(answer.node_id), spawned[:2]))
        done.set()
        beating.result()
    assert [answer.error_message for answer in [*spawned, *stopped, *removed] if not answer.success] == []
    harness.pass_time(4, agent)
    expected = {answer.node_id: "stopped" if answer in spawned[2:4] else "running" for answer in spawned[2:]}
    assert {node.node_id: node.status for node in harness.nodes()} == expected
    assert {node.node_id: str(node.desired) for node in harness.registry.nodes()} == expected
    assert {node_id: str(report.desired) for node_id, report in agent.journal.items()} == expected
    assert Desired.ABSENT not in {node.desired for node in harness.registry.nodes()}


def test_a_slow_agent_does_not_hold_up_another(
    harness: MasterHarness, agent: FakeAgent, make_agent: Callable[..., FakeAgent]
) -> None:
    other = make_agent("agent-2")
    other.register(harness.stub)
    release = threading.Event()
    agent.script.append(fake_agent.hang(release))
    slow = harness.stub.SpawnStorageNode.future(pb.SpawnRequest(agent_id="agent-1"), timeout=10)
    eventually(lambda: len(agent.applied) == 1, message="the slow agent was called")
    assert harness.spawn("agent-2").success
    release.set()
    assert slow.result().success


def test_a_node_that_its_agent_knows_nothing_of_but_its_name_is_taken_over_too(
    harness: MasterHarness, make_agent: Callable[..., FakeAgent]
) -> None:
    agent = make_agent()
    agent.journal["node-1"] = NodeReport("node-1", 0, Desired.STOPPED, NodeState.STOPPED)
    agent.register(harness.stub)
    assert (harness.node("node-1").generation, harness.node("node-1").desired) == (0, "stopped")
    assert harness.start_node("node-1").success
    assert (agent.journal["node-1"].generation, agent.journal["node-1"].state) == (1, NodeState.RUNNING)
