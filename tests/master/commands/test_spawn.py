"""Spawning nodes: chosen, recorded, called, answered; and what a failure leaves."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from support.fakes import fake_agent
from support.fakes.fake_agent import FakeAgent
from support.harness.master_harness import MasterHarness
from support.texts import mentions
from support.waiting import eventually

from sutra_grid.core.errors import AlreadyExists, DeadlineExceeded, InvalidArgument, Unavailable
from sutra_grid.core.types import Assignment, Desired, NodeReport, NodeState, Reason
from sutra_grid.master.config import MasterConfig
from sutra_grid.wire import grid_pb2 as pb

MakeAgent = Callable[..., FakeAgent]


def test_a_spawned_node_runs_and_is_shown_with_what_the_agent_filled_in(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    answer = harness.spawn()
    assert answer.success, answer.error_message
    assert answer.endpoint == "127.0.0.1:50051"
    node = harness.node(answer.node_id)
    assert node == answer.node
    assert (node.status, node.agent_id, node.desired, node.generation) == ("running", "agent-1", "running", 1)
    assert (node.spec.engine, node.spec.port, node.spec.memory_limit_mb) == ("storage", 50051, 2048)
    assert node.spec.storage_path == f"/data/{answer.node_id}"
    (assignment,) = agent.applied
    assert (assignment.node_id, assignment.agent_id) == (answer.node_id, "agent-1")
    recorded = harness.recorded(answer.node_id)
    assert recorded is not None
    assert recorded.spec.port == 50051
    assert harness.kinds(node_id=answer.node_id) == ["node.spawned", "node.started"]


def test_what_was_asked_for_reaches_the_agent(harness: MasterHarness, agent: FakeAgent) -> None:
    answer = harness.spawn("agent-1", engine="redis", port=6379, storage_path="/data/x", memory_limit_mb=64)
    spec = agent.applied[0].spec
    assert (spec.engine, spec.port, spec.storage_path, spec.memory_limit_mb) == ("redis", 6379, "/data/x", 64)
    assert answer.endpoint == "127.0.0.1:6379"


def test_nodes_go_where_most_slots_are_free(harness: MasterHarness, make_agent: MakeAgent) -> None:
    for name in ("agent-1", "agent-2", "agent-3"):
        make_agent(name).register(harness.stub)
    placed = [harness.spawn().node.agent_id for _ in range(9)]
    assert placed == ["agent-1", "agent-2", "agent-3"] * 3
    assert [len(record.storage_nodes) for record in harness.stub.ListAgents(pb.Empty()).agents] == [3, 3, 3]


def test_spawns_at_the_same_time_share_the_slots_and_overfill_none(
    make_harness: Callable[..., MasterHarness], make_agent: MakeAgent
) -> None:
    harness = make_harness(lock_wait_seconds=10.0)  # a slow machine must not end this by a locked registry
    agents = [make_agent(f"agent-{number}", slots=3) for number in range(1, 4)]
    for agent in agents:
        agent.register(harness.stub)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: harness.spawn(), range(12)))
    assert sum(answer.success for answer in answers) == 9
    assert [len(agent.journal) for agent in agents] == [3, 3, 3]
    refused = next(answer for answer in answers if not answer.success)
    assert refused.error.reason == "no_agent_available"
    assert mentions(refused.error_message, "agent-1", "agent-2", "agent-3", 3)


def test_refusals_before_anything_is_done_say_why(harness: MasterHarness, make_agent: MakeAgent) -> None:
    nobody = harness.spawn()
    assert (nobody.success, nobody.error.reason) == (False, "no_agent_available")
    assert mentions(nobody.error_message, "sutra-grid-agent --config agent-config.toml")
    agent = make_agent(slots=1)
    agent.register(harness.stub)
    cases: list[tuple[dict[str, object], str]] = [
        ({"agent_id": "agent-9"}, "unknown_agent"),
        ({"engine": "nonesuch"}, "unknown_engine"),
        ({"agent_id": "agent-1", "engine": "nonesuch"}, "unknown_engine"),
        ({"port": 70_000}, "invalid_argument"),
    ]
    for fields, reason in cases:
        answer = harness.spawn(**fields)
        assert (answer.success, answer.error.reason) == (False, reason)
        assert answer.error_message
        assert not answer.node_id
    assert harness.spawn("agent-1").success
    full = harness.spawn("agent-1")
    assert (full.error.code, full.error.reason) == ("resource_exhausted", "slots_full")
    assert len(agent.applied) == 1
    assert len(harness.nodes()) == 1


def test_an_offline_agent_is_refused(harness: MasterHarness, agent: FakeAgent) -> None:
    harness.pass_time(30)
    answer = harness.spawn("agent-1")
    assert (answer.success, answer.error.reason) == (False, "agent_offline")
    assert not agent.applied


def test_an_agent_without_an_endpoint_is_refused_with_a_message(harness: MasterHarness) -> None:
    harness.stub.RegisterAgent(pb.AgentInfo(agent_id="old", hostname="h", max_storage_nodes=5))
    answer = harness.spawn("old")
    assert (answer.error.code, answer.error.reason) == ("failed_precondition", "unsupported")
    assert mentions(answer.error_message, "old", "endpoint")


def test_a_refusal_of_the_agent_comes_back_as_it_was_and_leaves_nothing(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    taken = AlreadyExists("port 50051 is taken by pid 7", reason=Reason.PORT_TAKEN, hint="choose another")
    agent.script.append(fake_agent.refuse(taken))
    answer = harness.spawn(port=50051)
    assert not answer.success
    assert (answer.error.code, answer.error.reason) == ("already_exists", "port_taken")
    assert (answer.error.message, answer.error.hint) == (taken.message, taken.hint)
    assert answer.error_message == str(taken)
    assert harness.nodes() == []
    assert len(harness.registry.tombstones()) == 1
    assert harness.kinds(kind="node") == ["node.spawned", "node.spawn_failed", "node.removed"]
    assert agent.heartbeat(harness.stub).assignments == []


def test_a_refused_path_is_not_named_as_the_place_of_data(harness: MasterHarness, agent: FakeAgent) -> None:
    outside = InvalidArgument("/etc is not below data_path", reason=Reason.PATH_OUTSIDE_DATA, hint="choose another")
    agent.script.append(fake_agent.refuse(outside))
    harness.spawn(storage_path="/etc")
    (removed,) = harness.events(kind="node.removed")
    assert "/etc" not in removed.message


def test_a_process_that_ends_at_once_fails_the_spawn_with_its_exit_and_log(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    agent.script.append(fake_agent.crash)
    answer = harness.spawn()
    assert (answer.success, answer.error.reason) == (False, "start_failed")
    assert mentions(answer.error_message, "code 3", "cannot open database", "giving up")
    assert [assignment.desired for assignment in agent.applied] == [Desired.RUNNING, Desired.ABSENT]
    assert agent.journal == {}
    assert harness.nodes() == []


def test_a_failed_spawn_claims_that_nothing_is_left_only_when_its_agent_has_confirmed_it(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    agent.script.append(fake_agent.crash)
    confirmed = harness.spawn()
    agent.script += [fake_agent.crash, fake_agent.refuse(Unavailable("busy"))]
    unconfirmed = harness.spawn()
    assert (confirmed.error.reason, unconfirmed.error.reason) == ("start_failed", "start_failed")
    assert confirmed.error.hint != unconfirmed.error.hint
    assert "heartbeat" in unconfirmed.error.hint
    (node,) = harness.nodes()
    assert node.desired == "absent"
    for _ in range(2):  # one brings the assignment, the next reports that it is done
        harness.pass_time(2)
        agent.heartbeat(harness.stub)
    harness.eventually_tombstoned(node.node_id)


def test_what_an_agent_that_did_not_answer_has_started_is_stopped_by_its_next_heartbeat(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    never = threading.Event()
    agent.script.append(fake_agent.hang(never, having_obeyed=True))
    answer = harness.stub.SpawnStorageNode(pb.SpawnRequest(), timeout=2.5)
    never.set()
    assert (answer.success, answer.error.reason) == (False, "agent_unreachable")
    assert len(agent.journal) == 1
    (node,) = harness.nodes()
    assert (node.desired, node.generation) == ("absent", 2)
    harness.pass_time(2)
    (assignment,) = agent.heartbeat(harness.stub).assignments
    assert (assignment.desired, assignment.generation) == ("absent", 2)
    assert agent.journal == {}
    harness.pass_time(2)
    agent.heartbeat(harness.stub)
    harness.eventually_tombstoned(node.node_id)
    assert harness.nodes() == []


def test_an_agent_that_is_gone_fails_the_spawn_quickly(harness: MasterHarness, agent: FakeAgent) -> None:
    agent.stop()
    answer = harness.spawn()
    assert (answer.success, answer.error.reason) == (False, "agent_unreachable")
    assert agent.endpoint in answer.error_message


def test_an_agent_that_was_restarted_is_called_on_a_fresh_connection(harness: MasterHarness, agent: FakeAgent) -> None:
    assert harness.spawn().success
    agent.stop()
    assert not harness.spawn().success
    with agent.restarted() as newer:
        newer.register(harness.stub)
        assert harness.spawn().success
        assert len(newer.applied) == 1


def test_a_node_that_is_still_starting_when_time_is_up_counts_as_spawned(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    def slow(self: FakeAgent, assignment: Assignment) -> NodeReport:
        return replace(self.obey(assignment), state=NodeState.STARTING)

    agent.script.append(slow)
    answer = harness.spawn()
    assert answer.success
    assert answer.node.status == "starting"


def test_commands_fail_with_the_reason_while_the_registry_is_locked_and_work_again_after(
    harness: MasterHarness, agent: FakeAgent, locked_registry: Callable[[], None]
) -> None:
    answer = harness.spawn()
    assert (answer.success, answer.error.reason) == (False, "registry_unavailable")
    assert not agent.applied
    assert agent.heartbeat(harness.stub).acknowledged
    locked_registry()
    assert harness.spawn().success


def test_commands_beyond_the_bound_are_refused_and_heartbeats_go_on(
    make_harness: Callable[..., MasterHarness], make_agent: MakeAgent
) -> None:
    harness = make_harness(MasterConfig(max_concurrent_commands=2))
    agent = make_agent()
    agent.register(harness.stub)
    release = threading.Event()
    agent.script.extend([fake_agent.hang(release)] * 2)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(harness.spawn) for _ in range(2)]
        eventually(lambda: len(agent.applied) == 2, message="two commands under way")
        answer = harness.spawn()
        assert (answer.error.code, answer.error.reason) == ("resource_exhausted", "overloaded")
        assert agent.heartbeat(harness.stub).acknowledged
        release.set()
        assert all(call.result(10).success for call in waiting)
    assert harness.spawn().success


def test_a_node_that_a_heartbeat_reported_as_running_is_not_given_up_when_the_call_gets_no_answer(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    def run_and_lose_the_answer(self: FakeAgent, assignment: Assignment) -> NodeReport:
        self.obey(assignment)
        self.heartbeat(harness.stub)
        raise DeadlineExceeded("the answer was lost on its way")

    agent.script.append(run_and_lose_the_answer)
    answer = harness.spawn()
    assert answer.success, answer.error_message
    harness.pass_time(4, agent)
    assert agent.journal[answer.node_id].state is NodeState.RUNNING
    assert harness.node(answer.node_id).desired == "running"


def test_a_node_that_a_heartbeat_reported_as_running_is_not_given_up_for_an_answer_that_came_late(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    def crash_run_again_and_answer_late(self: FakeAgent, assignment: Assignment) -> NodeReport:
        crashed = replace(fake_agent.crash(self, assignment), sequence=1)
        self.journal[assignment.node_id] = replace(self.obey(assignment), state=NodeState.RUNNING, pid=77, sequence=2)
        self.heartbeat(harness.stub)
        return crashed

    agent.script.append(crash_run_again_and_answer_late)
    answer = harness.spawn()
    assert answer.success, answer.error_message
    assert (answer.node.status, answer.node.pid) == ("running", 77)
    assert harness.node(answer.node_id).desired == "running"


def test_a_failed_spawn_does_not_end_a_node_that_was_commanded_since(harness: MasterHarness, agent: FakeAgent) -> None:
    def stop_and_lose_the_answer(self: FakeAgent, assignment: Assignment) -> NodeReport:
        self.obey(assignment)
        assert harness.stop_node(assignment.node_id).success
        raise DeadlineExceeded("the answer was lost on its way")

    agent.script.append(stop_and_lose_the_answer)
    answer = harness.spawn()
    assert not answer.success
    (node,) = harness.nodes()
    assert mentions(answer.error.hint, node.node_id), "the node that is kept"
    assert (node.desired, node.generation) == ("stopped", 2)
    assert list(agent.journal) == [node.node_id]


def test_a_failure_that_could_not_be_recorded_does_not_claim_that_nothing_is_left(
    harness: MasterHarness, agent: FakeAgent, lock_registry: Callable[[], Callable[[], None]]
) -> None:
    let_go = []

    def crash_while_the_registry_is_locked(self: FakeAgent, assignment: Assignment) -> NodeReport:
        let_go.append(lock_registry())
        return fake_agent.crash(self, assignment)

    agent.script.append(crash_while_the_registry_is_locked)
    answer = harness.spawn()
    assert (answer.success, answer.error.reason) == (False, "start_failed")
    let_go.pop()()
    (node,) = harness.nodes()
    assert mentions(answer.error_message, node.node_id, "registry")
    assert mentions(answer.error.hint, node.node_id), "the node may still be there"
    eventually(lambda: harness.node(node.node_id).desired == "absent", message="given up after all")
    agent.script.append(fake_agent.crash)
    recorded = harness.spawn()
    assert recorded.error.hint, "a failure that is recorded says that nothing is left"
    assert recorded.error.hint not in answer.error_message
