"""A retry with the same idempotency key gets the first answer."""

import sqlite3
import threading
from collections.abc import Callable

import grpc
import pytest
from support.fakes import fake_agent
from support.fakes.fake_agent import FakeAgent
from support.harness.master_harness import MasterHarness
from support.texts import mentions
from support.waiting import eventually

from sutra_grid.core.errors import AlreadyExists
from sutra_grid.core.types import Desired, Reason
from sutra_grid.wire import grid_pb2 as pb


def test_a_retried_spawn_returns_the_same_node_and_starts_nothing_twice(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    first = harness.spawn(request_id="r1")
    assert harness.spawn(request_id="r1") == first
    assert len(agent.applied) == 1
    assert harness.spawn(request_id="r2").node_id != first.node_id


def test_also_after_a_restart_of_the_master(harness: MasterHarness, agent: FakeAgent) -> None:
    first = harness.spawn(request_id="r1")
    harness.restart()
    assert harness.spawn(request_id="r1") == first
    assert len(harness.nodes()) == 1


def test_also_for_a_spawn_that_failed(harness: MasterHarness, agent: FakeAgent) -> None:
    agent.script.append(fake_agent.refuse(AlreadyExists("taken", reason=Reason.PORT_TAKEN)))
    first = harness.spawn(request_id="r1")
    assert first.error.reason == "port_taken"
    assert harness.spawn(request_id="r1") == first
    assert len(agent.applied) == 1


def test_a_refusal_that_changed_nothing_is_judged_again(harness: MasterHarness, agent: FakeAgent) -> None:
    agent_command = pb.AgentCommand(agent_id="agent-1")
    harness.stub.DrainAgent(agent_command)
    assert harness.spawn(request_id="r1").error.reason == "no_agent_available"
    harness.stub.UndrainAgent(agent_command)
    assert harness.spawn(request_id="r1").success


def test_the_same_id_for_something_else_is_refused(harness: MasterHarness, agent: FakeAgent) -> None:
    node_id = harness.spawn(request_id="r1").node_id
    other_content = harness.spawn(request_id="r1", port=50077)
    other_method = harness.stop_node(node_id, request_id="r1")
    for answer in (other_content, other_method):
        assert (answer.success, answer.error.reason) == (False, "request_id_reused")
        assert mentions(answer.error_message, "r1")
    harness.restart()
    assert harness.spawn(request_id="r1", port=50077).error.reason == "request_id_reused"


def test_duplicates_under_way_wait_for_the_first(harness: MasterHarness, agent: FakeAgent) -> None:
    release = threading.Event()
    agent.script.append(fake_agent.hang(release))
    request = pb.SpawnRequest(request_id="r1")
    calls = [harness.stub.SpawnStorageNode.future(request, timeout=10) for _ in range(3)]
    eventually(lambda: len(agent.applied) == 1, message="the first reached the agent")
    release.set()
    answers = [call.result() for call in calls]
    assert all(answer.success for answer in answers)
    assert len({answer.node_id for answer in answers}) == 1
    assert len(agent.applied) == 1


def test_a_restart_is_done_once_a_request_id(harness: MasterHarness, agent: FakeAgent) -> None:
    node = harness.spawn().node
    first = harness.restart_node(node.node_id, request_id="r1")
    assert harness.restart_node(node.node_id, request_id="r1") == first
    harness.restart()
    assert harness.restart_node(node.node_id, request_id="r1") == first
    assert agent.journal[node.node_id].restarts == 1


def test_a_spawn_whose_answer_died_with_the_master_is_taken_up(harness: MasterHarness, agent: FakeAgent) -> None:
    first = harness.spawn(request_id="r1")
    harness.stop()
    forget_outcomes(harness)
    harness.start()
    again = harness.spawn(request_id="r1")
    assert again.success
    assert again.node_id == first.node_id
    assert agent.journal[first.node_id].pid == first.node.pid
    assert len(harness.nodes()) == 1


def test_a_taken_up_spawn_whose_node_was_removed_meanwhile_says_so(harness: MasterHarness, agent: FakeAgent) -> None:
    first = harness.spawn(request_id="r1")
    harness.remove_node(first.node_id)
    harness.stop()
    forget_outcomes(harness)
    harness.start()
    again = harness.spawn(request_id="r1")
    assert (again.success, again.error.reason) == (False, "node_removed")
    assert first.node_id in again.error_message


def test_a_taken_up_restart_is_not_done_twice(harness: MasterHarness, agent: FakeAgent) -> None:
    node = harness.spawn().node
    harness.restart_node(node.node_id, request_id="r1")
    harness.stop()
    forget_outcomes(harness)
    harness.start()
    assert harness.restart_node(node.node_id, request_id="r1").success
    assert agent.journal[node.node_id].restarts == 1
    assert [assignment.generation for assignment in agent.applied] == [1, 2, 2]
    assert {assignment.desired for assignment in agent.applied} == {Desired.RUNNING}


def test_an_endless_request_id_is_refused(harness: MasterHarness, agent: FakeAgent) -> None:
    answer = harness.spawn(request_id="r" * 1000)
    assert answer.error.reason == "invalid_argument"


def test_a_removed_agent_stays_removed_for_a_retry(
    harness: MasterHarness, agent: FakeAgent, make_agent: Callable[..., FakeAgent]
) -> None:
    harness.pass_time(30)
    harness.stub.RemoveAgent(pb.AgentCommand(agent_id="agent-1", request_id="r1"))
    harness.stub.RemoveAgent(pb.AgentCommand(agent_id="agent-1", request_id="r1"))
    with pytest.raises(grpc.RpcError) as gone:
        harness.stub.RemoveAgent(pb.AgentCommand(agent_id="agent-1", request_id="r2"))
    assert gone.value.code() is grpc.StatusCode.NOT_FOUND


def forget_outcomes(harness: MasterHarness) -> None:
    """As if the master had died between the agent's answer and its own."""
    with sqlite3.connect(harness.registry_file) as connection:
        connection.execute("UPDATE requests SET outcome = NULL")
    connection.close()
