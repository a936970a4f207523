"""Since when a node has its state and its health, also after a restart of its agent."""

from dataclasses import replace

import pytest

from sutra_grid.agent.report import NodeView, node_report
from sutra_grid.core.node.events import Exited, Launched, NodeEvent, Now, ProbeFailed, ProbePassed, Recovered, TimerDue
from sutra_grid.core.node.instructions import TimerName
from sutra_grid.core.node.machine import step
from sutra_grid.core.node.record import ExitStatus, NodeRecord, NodeRuntime, ProcessIdentity
from sutra_grid.core.node.rules import NodeRules
from sutra_grid.core.restart import RestartPolicy
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment, Desired, Health, NodeReport, NodeSpec

SPEC = NodeSpec("storage", 50051, "/data/node-1", 512)
RULES = NodeRules(restart=RestartPolicy(stable_seconds=30, jitter=0.0))
LAUNCHING = NodeRecord(Assignment("node-1", 1, Desired.RUNNING, SPEC), Phase.LAUNCHING, launches=1, state_since_ms=500)
FIRST = ProcessIdentity("boot", 4711, 100, 1)


class History:
    """A node to which one event comes each second; the wall clock counts milliseconds from 0."""

    def __init__(self, record: NodeRecord = LAUNCHING) -> None:
        self.node = NodeRuntime(record)
        self.seconds = 0

    def on(self, *events: NodeEvent) -> "History":
        for event in events:
            self.seconds += 1
            self.node, _ = step(self.node, event, Now(self.seconds, self.seconds * 1000), RULES)
        return self

    def restart_agent(self) -> "History":
        """Only the record is left, and the process is found."""
        record = self.node.record
        self.node = NodeRuntime(replace(record, phase=Phase.RECOVERING))
        return self.on(Recovered(record.phase, record.process))

    @property
    def report(self) -> NodeReport:
        return node_report(NodeView(self.node), self.seconds, None)


def running() -> History:
    """Started at second 1, running since second 2."""
    return History().on(Launched(FIRST), ProbePassed(1))


def test_a_state_begins_when_it_is_shown_and_not_with_the_process() -> None:
    history = History().on(Launched(FIRST))
    assert history.report.state_since_ms == 500, "it was starting before"
    assert history.on(ProbePassed(1)).report.state_since_ms == 2_000
    assert history.on(ProbePassed(1)).report.state_since_ms == 2_000


def test_each_back_off_begins_anew() -> None:
    history = running().on(Exited(1, ExitStatus(1)))
    assert (history.node.record.phase, history.report.state_since_ms) == (Phase.WAITING, 3_000)
    history.on(TimerDue(TimerName.BACK_OFF))
    assert (history.node.record.phase, history.report.state_since_ms) == (Phase.LAUNCHING, 4_000)


def test_unhealthy_begins_with_the_first_failed_probe() -> None:
    history = running()
    for _ in range(5):
        history.on(ProbeFailed(1, "no answer"))
    report = history.report
    assert (report.health, report.health_since_ms, report.state_since_ms) == (Health.UNHEALTHY, 3_000, 2_000)
    assert history.on(ProbePassed(1)).report.health_since_ms == 8_000
    assert history.node.record.failing_since_ms == 0


def test_a_failure_that_passed_does_not_count() -> None:
    history = running().on(ProbeFailed(1, "slow"), ProbePassed(1))
    for _ in range(3):
        history.on(ProbeFailed(1, "no answer"))
    assert history.report.health_since_ms == 5_000


def test_a_restart_of_the_agent_loses_neither() -> None:
    history = running()
    for _ in range(3):
        history.on(ProbeFailed(1, "no answer"))
    history.restart_agent()
    assert (history.report.health, history.report.health_since_ms) == (Health.UNKNOWN, 0), "not probed again yet"
    for _ in range(3):
        history.on(ProbeFailed(1, "no answer"))
    assert (history.report.health_since_ms, history.report.state_since_ms) == (3_000, 2_000)
    history.restart_agent().on(ProbePassed(1))
    for _ in range(3):
        history.on(ProbeFailed(1, "no answer"))
    assert history.report.health_since_ms == 12_000, "it had answered meanwhile"


@pytest.mark.parametrize("phase", [Phase.STOPPED, Phase.FAILED, Phase.WAITING])
def test_a_restart_of_the_agent_keeps_the_time_of_a_node_without_a_process(phase: Phase) -> None:
    desired = Desired.STOPPED if phase is Phase.STOPPED else Desired.RUNNING
    record = NodeRecord(Assignment("node-1", 1, desired, SPEC), phase, launches=1, resume_at=99.0, state_since_ms=500)
    history = History(record).restart_agent()
    assert (history.node.record.phase, history.report.state_since_ms) == (phase, 500)


def test_a_record_of_an_older_version_says_when_its_process_became_ready() -> None:
    record = replace(running().node.record, state_since_ms=0, launched_at=10.0, launched_at_ms=70_000, ready_at=12.5)
    assert History(record).report.state_since_ms == 72_500
    assert History(replace(record, ready_at=None)).report.state_since_ms == 0, "and nothing rather than something else"
