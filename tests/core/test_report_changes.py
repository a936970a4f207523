"""What happened between two reports."""

from dataclasses import replace

from support.texts import mentions, numbers_in

from sutra_grid.core.report_changes import events_between, is_material
from sutra_grid.core.samples import NodeSample
from sutra_grid.core.types import Desired, Health, NodeExit, NodeReport, NodeState, Reason

STARTING = NodeReport("node-1", 1, Desired.RUNNING, NodeState.STARTING, pid=7)
RUNNING = replace(STARTING, state=NodeState.RUNNING, endpoint="host:50051")
KILLED = NodeExit(code=None, signal=9, at_ms=100, uptime_ms=5_000, reason=Reason.CRASHED)


def kinds(old: NodeReport | None, new: NodeReport) -> list[str]:
    return [event.kind for event in events_between("agent-1", old, new, at_ms=1)]


def test_the_same_report_twice_says_nothing() -> None:
    assert kinds(RUNNING, RUNNING) == []
    assert kinds(RUNNING, replace(RUNNING, sample=NodeSample(at_ms=3, cpu_percent=5.0))) == []


def test_a_node_that_becomes_ready_has_started() -> None:
    assert kinds(None, STARTING) == []
    assert kinds(STARTING, RUNNING) == ["node.started"]
    assert kinds(None, RUNNING) == ["node.started"]


def test_a_killed_node_that_is_back_exited_and_restarted() -> None:
    back = replace(RUNNING, pid=8, restarts=1, exits=(KILLED,))
    events = events_between("agent-1", RUNNING, back, at_ms=1)
    assert [event.kind for event in events] == ["node.exited", "node.restarted"]
    assert events[0].reason is Reason.CRASHED
    assert numbers_in(events[0].message) == {"9", "5.0"}, "the signal, and how long it ran"
    assert (events[0].agent_id, events[0].node_id) == ("agent-1", "node-1")


def test_a_refused_restart_is_told_once_for_each_command() -> None:
    refused = replace(RUNNING, generation=2, reason=Reason.BINARY_MISSING, message="restart refused")
    [event] = events_between("agent-1", RUNNING, refused, at_ms=1)
    assert (event.kind, event.reason, event.message) == (
        "node.restart_refused",
        Reason.BINARY_MISSING,
        "restart refused",
    )
    assert kinds(refused, replace(refused, message="restart refused again")) == []
    assert kinds(refused, replace(refused, generation=3)) == ["node.restart_refused"]
    assert kinds(RUNNING, replace(refused, state=NodeState.FAILED, pid=0)) == ["node.failed"]
    assert kinds(RUNNING, replace(refused, state=NodeState.STARTING, pid=0)) == [], "it waits for its next start"


def test_a_start_that_failed_without_a_process_says_why_once_for_each_cause() -> None:
    exits = (replace(KILLED, signal=0, at_ms=300, uptime_ms=0, reason=Reason.START_FAILED), KILLED)
    waits = replace(STARTING, pid=0, reason=Reason.PORT_TAKEN, end_cause="port 1 is in use by pid 2", exits=exits)
    [event] = events_between("agent-1", replace(RUNNING, exits=(KILLED,)), waits, at_ms=1)
    assert (event.kind, event.reason) == ("node.exited", Reason.START_FAILED)
    assert event.message == "its process did not start: port 1 is in use by pid 2"
    again = replace(waits, exits=(replace(exits[0], at_ms=400), KILLED))
    assert kinds(waits, again) == [], "the next try, for the same cause"
    assert kinds(waits, replace(again, end_cause="port 1 is in use by pid 3")) == ["node.exited"]
    assert kinds(waits, replace(again, generation=2)) == ["node.exited"], "of a new command"
    assert kinds(waits, replace(waits, exits=(replace(KILLED, at_ms=400), *exits))) == ["node.exited"], "a real exit"


def test_several_crashes_between_two_reports_are_told_one_by_one() -> None:
    newest = replace(KILLED, at_ms=300, signal=11)
    exits = (newest, replace(KILLED, at_ms=200), KILLED)
    loop = replace(RUNNING, state=NodeState.FAILED, pid=0, exits=exits, reason=Reason.CRASH_LOOP)
    old = replace(RUNNING, exits=(KILLED,))
    events = events_between("agent-1", old, loop, at_ms=1)
    assert [event.kind for event in events] == ["node.exited", "node.exited", "node.failed"]
    assert mentions(events[0].message, 9)
    assert mentions(events[1].message, 11)


def test_a_process_that_the_kernel_killed_is_told_unless_an_exit_tells_it() -> None:
    hurt = replace(RUNNING, oom_kills=2, reason=Reason.OOM_KILLED, message="the kernel killed 2 of its processes")
    [event] = events_between("agent-1", RUNNING, hurt, at_ms=1)
    assert (event.kind, event.reason, event.message) == ("node.oom_killed", Reason.OOM_KILLED, hurt.message)
    assert kinds(hurt, hurt) == []
    assert kinds(RUNNING, replace(hurt, reason=Reason.PROBE_FAILED)) == ["node.oom_killed"], "another reason came after"
    ended = replace(RUNNING, pid=8, restarts=1, exits=(replace(KILLED, reason=Reason.MEMORY_LIMIT),), oom_kills=1)
    assert kinds(RUNNING, ended) == ["node.exited", "node.restarted"]


def test_a_commanded_end_is_no_crash() -> None:
    ended = NodeExit(code=0, signal=0, at_ms=100, uptime_ms=5_000, reason=Reason.COMMANDED)
    assert kinds(RUNNING, replace(RUNNING, state=NodeState.STOPPED, pid=0, exits=(ended,))) == ["node.stopped"]


def test_health_is_told_when_it_turns() -> None:
    sick = replace(RUNNING, health=Health.UNHEALTHY)
    assert kinds(RUNNING, sick) == ["node.unhealthy"]
    assert kinds(sick, sick) == []
    assert kinds(sick, replace(RUNNING, health=Health.HEALTHY)) == ["node.healthy"]
    assert kinds(RUNNING, replace(RUNNING, health=Health.HEALTHY)) == []


def test_fresh_measurements_alone_are_not_material() -> None:
    assert not is_material(RUNNING, replace(RUNNING, sample=NodeSample(at_ms=9), backoff_ms=3))
    assert is_material(RUNNING, replace(RUNNING, pid=8))
    assert is_material(None, RUNNING)


def test_a_node_that_a_new_agent_process_took_over_is_told_once_with_its_reason() -> None:
    adopted = replace(RUNNING, reason=Reason.ADOPTED, message="process 7 was adopted at the agent's start")
    (event,) = events_between("agent-1", RUNNING, adopted, at_ms=1)
    assert (event.kind, event.reason, event.message) == ("node.adopted", Reason.ADOPTED, adopted.message)
    assert kinds(adopted, adopted) == []


def test_a_healthy_node_that_is_not_reachable_is_told_until_it_is() -> None:
    lost = replace(RUNNING, endpoint="", endpoint_problem="not reachable at host:50051", health=Health.HEALTHY)
    (event,) = events_between("agent-1", RUNNING, lost, at_ms=1)
    assert (event.kind, event.reason, event.message) == (
        "node.unreachable",
        Reason.ENDPOINT_UNREACHABLE,
        lost.endpoint_problem,
    )
    assert kinds(lost, replace(lost, endpoint_problem="not reachable for another cause")) == []
    assert kinds(lost, RUNNING) == ["node.reachable"]
    assert kinds(RUNNING, replace(lost, health=Health.UNKNOWN)) == [], "without a probe it may not be meant to listen"


def test_a_node_without_an_endpoint_is_not_said_to_be_at_one() -> None:
    (event,) = events_between("agent-1", STARTING, replace(RUNNING, endpoint=""), at_ms=1)
    assert event.message == "runs as process 7"
