"""Stop, start, restart and remove."""

import threading
from collections.abc import Callable
from dataclasses import replace

import grpc
import pytest
from support.fakes import fake_agent
from support.fakes.fake_agent import FakeAgent
from support.harness.master_harness import MasterHarness
from support.texts import mentions
from support.waiting import eventually

from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.core.types import Assignment, Desired, NodeReport, NodeState, Reason
from sutra_grid.wire import grid_pb2 as pb

MakeAgent = Callable[..., FakeAgent]


@pytest.fixture
def node(harness: MasterHarness, agent: FakeAgent) -> pb.NodeStatus:
    """A node that runs."""
    return harness.spawn().node


def test_a_stopped_node_is_stopped_and_started_again(
    harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus
) -> None:
    stopped = harness.stop_node(node.node_id)
    assert stopped.success
    assert (stopped.node.status, stopped.node.pid, stopped.node.generation) == ("stopped", 0, 2)
    started = harness.start_node(node.node_id)
    assert started.success
    assert (started.node.status, started.node.generation) == ("running", 3)
    assert started.node.pid != node.pid
    assert started.node.spec == node.spec


def test_a_restart_is_one_assignment_with_its_restart_generation(
    harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus
) -> None:
    answer = harness.restart_node(node.node_id)
    assert answer.success
    assert (answer.node.generation, answer.node.restart_generation, answer.node.restarts) == (2, 2, 1)
    assert answer.node.pid != node.pid
    assert harness.kinds(node_id=node.node_id)[-2:] == ["node.commanded", "node.restarted"]


def test_a_restart_that_the_agent_refuses_is_told_with_its_reason_and_again_to_a_retry(
    harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus
) -> None:
    def refuse(agent: FakeAgent, assignment: Assignment) -> NodeReport:
        message = "restart refused, process 7 runs on: agent agent-1 has no engine 'storage'"
        held = agent.journal[assignment.node_id]
        report = replace(held, generation=assignment.generation, reason=Reason.UNKNOWN_ENGINE, message=message)
        agent.journal[assignment.node_id] = report
        return report

    agent.script.extend([refuse, lambda agent, assignment: agent.journal[assignment.node_id]])
    for _ in range(2):
        answer = harness.restart_node(node.node_id, request_id="r1")
        assert (answer.success, answer.error.code, answer.error.reason) == (
            False,
            "failed_precondition",
            "unknown_engine",
        )
        assert mentions(answer.error_message, "restart refused", node.node_id)
        assert "could not be" not in answer.error_message
    shown = harness.node(node.node_id)
    assert (shown.status, shown.pid, shown.reason) == ("running", node.pid, "unknown_engine")
    assert (shown.generation, shown.observed_generation) == (2, 2)
    assert agent.heartbeat(harness.stub).assignments == [], "registry and agent agree"
    assert harness.kinds(node_id=node.node_id)[-2:] == ["node.commanded", "node.restart_refused"]


def test_a_removed_node_is_gone_and_stays_gone(harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus) -> None:
    running = agent.journal[node.node_id]
    assert harness.remove_node(node.node_id).success
    with pytest.raises(grpc.RpcError) as gone:
        harness.node(node.node_id)
    assert gone.value.code() is grpc.StatusCode.NOT_FOUND
    assert harness.registry.tombstones() == {node.node_id: 2}
    again = harness.remove_node(node.node_id)
    assert (again.error.code, again.error.reason) == ("not_found", "node_removed")
    agent.journal[node.node_id] = running  # the agent's disk was restored from before
    harness.pass_time(2)
    (assignment,) = agent.heartbeat(harness.stub).assignments
    assert (assignment.desired, assignment.generation) == ("absent", 3)
    assert agent.heartbeat(harness.stub).assignments == []
    removed = harness.events(kind="node.removed")[0]
    assert mentions(removed.message, f"/data/{node.node_id}"), "it says where the data stays"


def test_what_is_so_already_is_no_change(harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus) -> None:
    assert harness.start_node(node.node_id).node.generation == 1
    assert harness.stop_node(node.node_id).node.generation == 2
    assert harness.stop_node(node.node_id).node.generation == 2
    assert len(agent.applied) == 2


def test_a_stop_for_a_drain_is_remembered_through_a_restart_of_the_master(
    harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus
) -> None:
    assert harness.stop_node(node.node_id, for_drain=True).node.stopped_by_drain
    assert harness.stop_node(node.node_id, for_drain=True).node.stopped_by_drain
    assert mentions(harness.events(kind="node.commanded")[-1].message, "drain")
    harness.restart()
    agent.register(harness.stub)
    assert harness.node(node.node_id).stopped_by_drain
    assert not harness.start_node(node.node_id).node.stopped_by_drain
    assert harness.stop_node(node.node_id).success
    assert not harness.stop_node(node.node_id, for_drain=True).node.stopped_by_drain, "a person has stopped it"


@pytest.mark.parametrize("command", ["stop_node", "start_node", "restart_node"])
def test_a_command_of_a_person_ends_that_the_drain_has_stopped_a_node(
    harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus, command: str
) -> None:
    assert harness.stop_node(node.node_id, for_drain=True).node.stopped_by_drain
    answer = getattr(harness, command)(node.node_id)
    assert answer.success
    assert not answer.node.stopped_by_drain
    recorded = harness.recorded(node.node_id)
    assert recorded is not None
    assert not recorded.stopped_by_drain


def test_unknown_nodes_and_wrong_agents_are_named(harness: MasterHarness, node: pb.NodeStatus) -> None:
    for answer in (harness.stop_node("node-00000000"), harness.restart_node("node-00000000")):
        assert (answer.success, answer.error.code, answer.error.reason) == (False, "not_found", "unknown_node")
        assert mentions(answer.error_message, "node-00000000")
    wrong = harness.stop_node(node.node_id, agent_id="agent-9")
    assert (wrong.error.code, wrong.error.reason) == ("failed_precondition", "wrong_agent")
    assert harness.stop_node(node.node_id, agent_id="agent-1").success


def test_a_command_for_an_offline_agent_is_recorded_and_carried_out_when_it_returns(
    harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus
) -> None:
    harness.pass_time(30)
    answer = harness.stop_node(node.node_id)
    assert (answer.success, answer.error.reason) == (False, "agent_offline")
    assert mentions(answer.error_message, node.node_id, "agent-1")
    assert (answer.node.status, answer.node.desired, answer.node.generation) == ("unknown", "stopped", 2)
    (assignment,) = agent.heartbeat(harness.stub).assignments
    assert assignment.desired == "stopped"
    agent.heartbeat(harness.stub)
    assert harness.node(node.node_id).status == "stopped"


def test_a_removal_for_an_offline_agent_is_tombstoned_when_its_inventory_confirms(
    harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus
) -> None:
    harness.pass_time(30)
    assert harness.remove_node(node.node_id).error.reason == "agent_offline"
    again = harness.remove_node(node.node_id)
    assert (again.error.reason, again.node.generation) == ("agent_offline", 2)
    started = harness.start_node(node.node_id)
    assert (started.error.code, started.error.reason) == ("failed_precondition", "node_removed")
    agent.heartbeat(harness.stub)
    agent.heartbeat(harness.stub)
    harness.eventually_tombstoned(node.node_id)


def test_a_start_that_fails_says_how_and_stays_desired(
    harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus
) -> None:
    harness.stop_node(node.node_id)
    agent.script.append(fake_agent.crash)
    answer = harness.start_node(node.node_id)
    assert (answer.success, answer.error.reason) == (False, "start_failed")
    assert mentions(answer.error_message, "code 3")
    assert (answer.node.status, answer.node.desired) == ("failed", "running")
    assert list(answer.node.log_tail) == ["cannot open database", "giving up"]


def test_starting_a_failed_node_raises_its_generation(
    harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus
) -> None:
    report = agent.journal[node.node_id]
    agent.journal[node.node_id] = replace(report, state=NodeState.FAILED, pid=0, reason=Reason.CRASH_LOOP)
    harness.pass_time(2, agent)
    assert (harness.node(node.node_id).status, harness.node(node.node_id).reason) == ("failed", "crash_loop")
    answer = harness.start_node(node.node_id)
    assert answer.success
    assert answer.node.generation == 2


def test_a_stop_that_takes_longer_than_the_caller_waits_is_told_so(
    harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus
) -> None:
    def stopping(self: FakeAgent, assignment: Assignment) -> NodeReport:
        return replace(self.obey(assignment), state=NodeState.STOPPING, pid=node.pid)

    agent.script.append(stopping)
    answer = harness.stop_node(node.node_id)
    assert (answer.success, answer.error.code, answer.error.reason) == (False, "deadline_exceeded", "stop_timeout")
    assert answer.node.status == "stopping"
    harness.pass_time(2, agent)
    assert harness.node(node.node_id).status == "stopped"


def test_an_agent_that_does_not_answer_carries_it_out_by_its_heartbeat(
    harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus
) -> None:
    release = threading.Event()
    agent.script.append(fake_agent.hang(release))
    answer = harness.stub.StopStorageNode(pb.StopRequest(node_id=node.node_id), timeout=2.5)
    assert (answer.success, answer.error.reason) == (False, "agent_unreachable")
    assert (answer.node.desired, answer.node.generation) == ("stopped", 2), "the command is recorded"
    harness.clock.advance(2)
    (assignment,) = agent.heartbeat(harness.stub).assignments
    assert assignment.desired == "stopped"
    release.set()


def test_a_refusal_of_the_agent_is_reported_and_the_desired_state_stays(
    harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus
) -> None:
    harness.stop_node(node.node_id)
    missing = FailedPrecondition("binary /bin/x is missing", reason=Reason.BINARY_MISSING, hint="install it")
    agent.script.append(fake_agent.refuse(missing))
    answer = harness.start_node(node.node_id)
    assert (answer.error.reason, answer.error.hint) == ("binary_missing", "install it")
    assert answer.node.desired == "running"


def test_of_two_commands_at_once_the_later_wins_and_the_earlier_is_told(
    harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus
) -> None:
    release = threading.Event()
    agent.script.append(fake_agent.hang(release))
    stop = harness.stub.StopStorageNode.future(pb.StopRequest(node_id=node.node_id), timeout=10)
    eventually(lambda: len(agent.applied) == 2, message="the stop reached the agent")
    assert harness.restart_node(node.node_id).success
    release.set()
    answer = stop.result()
    assert (answer.success, answer.error.code, answer.error.reason) == (False, "aborted", "concurrent_change")
    assert harness.node(node.node_id).desired == "running"


def test_a_registry_restored_from_an_older_copy_follows_the_agent_and_the_command_wins(
    harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus
) -> None:
    agent.journal[node.node_id] = replace(agent.journal[node.node_id], generation=7, restart_generation=7)
    answer = harness.stop_node(node.node_id)
    assert answer.success
    assert (answer.node.status, answer.node.generation) == ("stopped", 8)
    assert "node.followed" in harness.kinds(node_id=node.node_id)
    assert agent.heartbeat(harness.stub).assignments == []


def test_a_newer_generation_of_the_agent_is_followed_by_its_heartbeat(
    harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus
) -> None:
    report = agent.journal[node.node_id]
    agent.journal[node.node_id] = replace(report, generation=7, desired=Desired.STOPPED, state=NodeState.STOPPED, pid=0)
    harness.pass_time(2, agent)
    eventually(lambda: harness.node(node.node_id).desired == "stopped", message="the registry follows")
    recorded = harness.recorded(node.node_id)
    assert recorded is not None
    assert (recorded.generation, recorded.desired) == (7, Desired.STOPPED)


def test_two_histories_with_one_generation_end_with_the_masters(
    harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus
) -> None:
    report = agent.journal[node.node_id]
    agent.journal[node.node_id] = replace(report, desired=Desired.STOPPED, state=NodeState.STOPPED, pid=0)
    harness.pass_time(2, agent)
    eventually(lambda: harness.node(node.node_id).generation == 2, message="the generation is raised")
    harness.pass_time(4, agent)
    assert harness.node(node.node_id).status == "running"


def test_a_node_that_its_agent_has_lost_is_assigned_again(
    harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus
) -> None:
    agent.journal.clear()
    harness.clock.advance(2)
    (assignment,) = agent.heartbeat(harness.stub).assignments
    assert (assignment.node_id, assignment.desired, assignment.generation) == (node.node_id, "running", 1)
    shown = harness.node(node.node_id)
    assert (shown.status, shown.reason) == ("starting", "pending")
    assert mentions(shown.message, "agent-1", "again")
    agent.heartbeat(harness.stub)
    assert harness.node(node.node_id).status == "running"


def test_logs_and_samples_come_from_the_agent(harness: MasterHarness, agent: FakeAgent, node: pb.NodeStatus) -> None:
    chunk = harness.stub.ReadNodeLog(pb.LogRequest(node_id=node.node_id))
    assert chunk.data == f"log of {node.node_id}\n".encode()
    assert harness.stub.ListNodeSamples(pb.NodeId(node_id=node.node_id)).samples[0].rss_bytes == 2
    harness.pass_time(30)
    with pytest.raises(grpc.RpcError) as refused:
        harness.stub.ReadNodeLog(pb.LogRequest(node_id=node.node_id))
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(grpc.RpcError) as unknown:
        harness.stub.ListNodeSamples(pb.NodeId(node_id="node-00000000"))
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
