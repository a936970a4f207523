"""When the endpoint of a node is told: only while its process was seen to answer there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sutra_grid.core.node.events import (
    Assigned,
    Exited,
    Launched,
    NodeEvent,
    Now,
    ProbeFailed,
    ProbePassed,
    Recovered,
    TimerDue,
)
from sutra_grid.core.node.instructions import ArmTimer, Instruction, TimerName, WriteJournal
from sutra_grid.core.node.machine import step
from sutra_grid.core.node.record import ExitStatus, NodeRecord, NodeRuntime, ProcessIdentity
from sutra_grid.core.node.rules import NodeRules
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment, Desired, Health, NodeSpec

ENDPOINT = "10.0.0.5:50051"
RULES = NodeRules(listen_host="10.0.0.5", endpoint=ENDPOINT, probe_interval_seconds=10.0)
UNPROBED = replace(RULES, probed=False)
REFUSED = "not reachable at 10.0.0.5:50051: Connection refused"


class Node:
    """A node that starts; events are passed to ``on``."""

    def __init__(self, rules: NodeRules = RULES) -> None:
        self.rules = rules
        self.node = NodeRuntime(NodeRecord(Assignment("n", 0, Desired.STOPPED, NodeSpec("e", 50051, "/d", 1))))
        self.done: tuple[Instruction, ...] = ()
        self.on(Assigned(Assignment("n", 1, Desired.RUNNING)))
        self.on(Launched(ProcessIdentity("boot", 7, 7, 1)))

    def on(self, event: NodeEvent) -> Node:
        self.node, self.done = step(self.node, event, Now(1000.0, 1), self.rules)
        return self

    @property
    def record(self) -> NodeRecord:
        return self.node.record

    @property
    def told(self) -> tuple[str, str]:
        return self.record.endpoint, self.record.endpoint_problem

    def next_probe(self) -> float:
        (seconds,) = [one.seconds for one in self.done if isinstance(one, ArmTimer) and one.timer is TimerName.PROBE]
        return seconds


def test_a_launch_has_the_bind_address_and_no_endpoint_yet() -> None:
    node = Node()
    assert node.record.listen_host == "10.0.0.5"
    assert node.told == ("", "")


def test_a_node_that_answers_at_its_endpoint_has_one() -> None:
    node = Node().on(ProbePassed(1))
    assert (node.record.phase, node.told, node.next_probe()) == (Phase.RUNNING, (ENDPOINT, ""), 10.0)
    node.on(ProbePassed(1))
    assert WriteJournal() not in node.done


def test_a_node_that_answers_elsewhere_is_healthy_and_has_no_endpoint() -> None:
    node = Node().on(ProbePassed(1, REFUSED))
    assert (node.record.phase, node.node.health) == (Phase.RUNNING, Health.HEALTHY)
    assert node.told == ("", REFUSED)
    assert node.next_probe() == 1.0
    node.on(ProbePassed(1, REFUSED)).on(ProbePassed(1, REFUSED))
    assert node.next_probe() == 10.0
    assert node.on(ProbePassed(1)).told == (ENDPOINT, "")


def test_a_told_endpoint_may_fail_twice_and_not_three_times() -> None:
    node = Node().on(ProbePassed(1))
    for _ in range(2):
        node.on(ProbePassed(1, REFUSED))
        assert (node.told, node.next_probe()) == ((ENDPOINT, ""), 1.0)
    assert node.on(ProbePassed(1, REFUSED)).told == ("", REFUSED)


def test_a_failed_probe_says_nothing_about_the_endpoint() -> None:
    node = Node().on(ProbePassed(1))
    for _ in range(4):
        node.on(ProbeFailed(1, "hangs"))
    assert (node.told, node.node.health) == ((ENDPOINT, ""), Health.UNHEALTHY)


def test_the_next_launch_is_looked_at_anew() -> None:
    node = Node().on(ProbePassed(1)).on(Exited(1, ExitStatus(1))).on(TimerDue(TimerName.BACK_OFF))
    assert (node.record.launches, node.told) == (2, ("", ""))


def test_a_node_without_a_probe_has_an_endpoint_as_soon_as_it_accepts_connections() -> None:
    node = Node(UNPROBED)
    assert node.next_probe() == UNPROBED.start_probe_seconds
    node.on(ProbePassed(1, REFUSED))
    assert (node.record.phase, node.told) == (Phase.STARTING, ("", "")), "it may not listen yet"
    node.on(ProbePassed(1)).on(TimerDue(TimerName.SETTLE))
    assert (node.record.phase, node.told, node.node.health) == (Phase.RUNNING, (ENDPOINT, ""), Health.UNKNOWN)


def test_a_node_without_a_probe_that_does_not_listen_is_told_so_and_is_not_unhealthy() -> None:
    node = Node(UNPROBED).on(TimerDue(TimerName.SETTLE))
    assert node.next_probe() == 1.0
    for _ in range(5):
        node.on(ProbePassed(1, REFUSED))
    assert (node.told, node.node.health) == (("", REFUSED), Health.UNKNOWN)


@pytest.mark.parametrize("rules", [RULES, UNPROBED], ids=["probed", "without a probe"])
@pytest.mark.parametrize(("endpoint", "kept"), [(ENDPOINT, ENDPOINT), ("10.0.0.6:50051", "")])
def test_an_adopted_node_keeps_its_endpoint_if_the_configuration_still_names_it(
    rules: NodeRules, endpoint: str, kept: str
) -> None:
    node = Node(rules).on(ProbePassed(1))
    if not rules.probed:
        node.on(TimerDue(TimerName.SETTLE))
    process = node.record.process
    node.node = NodeRuntime(replace(node.record, phase=Phase.RECOVERING))
    node.rules = replace(rules, endpoint=endpoint)
    node.on(Recovered(Phase.RUNNING, process))
    assert (node.record.phase, node.record.endpoint, node.next_probe()) == (Phase.RUNNING, kept, 0.0)
