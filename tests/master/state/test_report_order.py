"""Which of two reports is newer: by the numbers that an agent's process gives them, not by when they came."""

from dataclasses import replace

from support.fakes.fake_agent import FakeAgent
from support.harness.master_harness import MasterHarness

from sutra_grid.core.types import Assignment, NodeExit, NodeReport, NodeState, Reason

_KILLED = NodeExit(code=None, signal=9, at_ms=1, uptime_ms=1, reason=Reason.CRASHED)


def answer_with_number(agent: FakeAgent, assignment: Assignment) -> NodeReport:
    """Done, as change number 7 of this process."""
    report = replace(agent.obey(assignment), sequence=7)
    agent.journal[assignment.node_id] = report
    return report


def crashed(report: NodeReport, sequence: int) -> NodeReport:
    return replace(report, state=NodeState.STARTING, pid=0, reason=Reason.BACK_OFF, exits=(_KILLED,), sequence=sequence)


def spawned(harness: MasterHarness, agent: FakeAgent) -> str:
    agent.script.append(answer_with_number)
    return harness.spawn().node.node_id


def test_a_crash_right_after_a_spawn_is_told_by_the_next_heartbeat(harness: MasterHarness, agent: FakeAgent) -> None:
    node_id = spawned(harness, agent)
    agent.journal[node_id] = crashed(agent.journal[node_id], 8)

    agent.heartbeat(harness.stub)

    assert (harness.node(node_id).status, harness.node(node_id).reason) == ("starting", "back_off")
    assert harness.kinds(node_id=node_id)[-1] == "node.exited"


def test_a_heartbeat_made_before_an_answer_changes_nothing_however_late_it_comes(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    node_id = spawned(harness, agent)
    answered = agent.journal[node_id]
    agent.journal[node_id] = replace(answered, state=NodeState.STARTING, sequence=6)
    harness.pass_time(8, agent)

    assert harness.node(node_id).status == "running"
    assert harness.kinds(node_id=node_id) == ["node.spawned", "node.started"]
    assert len(agent.applied) == 1


def test_an_answer_that_a_newer_heartbeat_overtook_does_not_undo_it(harness: MasterHarness, agent: FakeAgent) -> None:
    node_id = spawned(harness, agent)

    def overtaken(agent: FakeAgent, assignment: Assignment) -> NodeReport:
        answer = replace(agent.obey(assignment), sequence=9)
        agent.journal[node_id] = crashed(answer, 10)
        agent.heartbeat(harness.stub)
        return answer

    agent.script.append(overtaken)
    assert harness.restart_node(node_id).success

    assert harness.node(node_id).status == "starting"
    assert "node.exited" in harness.kinds(node_id=node_id)


def test_the_numbers_of_another_process_are_not_compared(harness: MasterHarness, agent: FakeAgent) -> None:
    node_id = spawned(harness, agent)
    with agent.restarted() as newer:
        newer.journal[node_id] = crashed(agent.journal[node_id], 1)
        newer.register(harness.stub)
        assert harness.node(node_id).status == "starting"
        newer.journal[node_id] = replace(agent.journal[node_id], sequence=2)
        newer.heartbeat(harness.stub)
    assert harness.node(node_id).status == "running"


def test_a_report_without_a_number_is_taken_when_the_answer_is_a_second_old(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    node_id = harness.spawn().node.node_id
    agent.journal[node_id] = crashed(agent.journal[node_id], 0)

    agent.heartbeat(harness.stub)
    assert harness.node(node_id).status == "running"

    harness.clock.advance(1.0)
    agent.heartbeat(harness.stub)
    assert harness.node(node_id).status == "starting"
