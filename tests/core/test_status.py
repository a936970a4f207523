"""One status for a node, one for the grid."""

from dataclasses import replace
from itertools import product

import pytest
from support.texts import mentions, numbers_in

from sutra_grid.core.status import (
    ALL_FACTS,
    as_last_known,
    cluster_summary,
    facts_of,
    is_missing,
    is_troubled,
    needs_attention,
    shown_status,
    status_of,
)
from sutra_grid.core.types import (
    Agent,
    AgentStatus,
    ClusterHealth,
    Desired,
    Health,
    Node,
    NodeExit,
    NodeReport,
    NodeSpec,
    NodeState,
    NodeStatus,
    Reason,
)

RUNNING = NodeReport("node-1", 1, Desired.RUNNING, NodeState.RUNNING, pid=7)
NODE = Node("node-1", "agent-1", NodeSpec(), Desired.RUNNING, 1, 0, 0, RUNNING)
HEALTHY, DEGRADED, OFFLINE = AgentStatus.HEALTHY, AgentStatus.DEGRADED, AgentStatus.OFFLINE


def with_report(state: NodeState, *, pid: int = 0, **other: object) -> Node:
    return replace(NODE, report=replace(RUNNING, state=state, pid=pid, **other))


@pytest.mark.parametrize("state", list(NodeState))
def test_a_confirmed_node_is_shown_as_reported(state: NodeState) -> None:
    assert shown_status(with_report(state), HEALTHY).status == NodeStatus(state)


@pytest.mark.parametrize("state", list(NodeState))
def test_a_node_of_an_offline_agent_is_unknown_never_failed(state: NodeState) -> None:
    shown = shown_status(with_report(state, pid=7), OFFLINE)
    assert (shown.status, shown.reason) == (NodeStatus.UNKNOWN, Reason.AGENT_OFFLINE)
    assert mentions(shown.message, "agent-1", "offline", state, 7), "and what was reported last"


SEEN = {"state_since_ms": 500, "health_since_ms": 700, "started_at_ms": 100}


@pytest.mark.parametrize(
    ("node", "agent_status", "since_ms"),
    [
        (with_report(NodeState.RUNNING, pid=7, **SEEN), HEALTHY, 500),
        (with_report(NodeState.RUNNING, pid=7, health=Health.UNHEALTHY, **SEEN), HEALTHY, 700),
        (with_report(NodeState.RUNNING, pid=7, **SEEN), OFFLINE, 900),
        (with_report(NodeState.FAILED, health=Health.UNHEALTHY, **SEEN), DEGRADED, 500),
        (replace(NODE, report=None, created_at_ms=300), HEALTHY, 300),
        (replace(with_report(NodeState.STOPPED, **SEEN), generation=2), HEALTHY, 0),  # a start: nobody noted when
        (replace(with_report(NodeState.RUNNING, pid=7, **SEEN), generation=2), HEALTHY, 500),  # a restart: it runs
        (with_report(NodeState.RUNNING, pid=7, started_at_ms=100), HEALTHY, 0),  # of an older agent
        (with_report(NodeState.RUNNING, pid=7, health=Health.UNHEALTHY, state_since_ms=500), HEALTHY, 0),
        (NODE, None, 0),
    ],
)
def test_a_status_is_told_since_it_began(node: Node, agent_status: AgentStatus | None, since_ms: int) -> None:
    assert shown_status(node, agent_status, 900).since_ms == since_ms


def test_a_node_without_an_agent_is_unknown() -> None:
    assert shown_status(NODE, None).reason is Reason.UNKNOWN_AGENT


@pytest.mark.parametrize(
    ("desired", "report", "status"),
    [
        (Desired.RUNNING, None, NodeStatus.STARTING),
        (Desired.STOPPED, None, NodeStatus.STOPPING),
        (Desired.ABSENT, None, NodeStatus.STOPPING),
        (Desired.RUNNING, RUNNING, NodeStatus.RUNNING),
        (Desired.RUNNING, replace(RUNNING, state=NodeState.FAILED, pid=0), NodeStatus.STARTING),
        (Desired.STOPPED, RUNNING, NodeStatus.STOPPING),
        (Desired.STOPPED, replace(RUNNING, state=NodeState.STOPPED, pid=0), NodeStatus.STOPPED),
        (Desired.STOPPED, replace(RUNNING, state=NodeState.FAILED, pid=7), NodeStatus.STOPPING),
        (Desired.ABSENT, replace(RUNNING, state=NodeState.STOPPED, pid=0), NodeStatus.STOPPING),
    ],
)
def test_a_change_that_is_not_confirmed_is_pending(
    desired: Desired, report: NodeReport | None, status: NodeStatus
) -> None:
    shown = shown_status(replace(NODE, desired=desired, generation=2, report=report), HEALTHY)
    assert (shown.status, shown.reason) == (status, Reason.PENDING)


def test_a_hung_node_is_running_with_the_probes_reason() -> None:
    shown = shown_status(with_report(NodeState.RUNNING, pid=7, health=Health.UNHEALTHY), HEALTHY)
    assert (shown.status, shown.reason) == (NodeStatus.RUNNING, Reason.PROBE_FAILED)


@pytest.mark.parametrize("agent_status", [None, *AgentStatus])
def test_the_facts_of_a_node_are_all_that_its_status_depends_on(agent_status: AgentStatus | None) -> None:
    seen = set()
    for desired in Desired:
        for report in (None, *(replace(RUNNING, state=state, pid=pid) for state in NodeState for pid in (0, 7))):
            for generation in (1, 2):
                for health, unstable in product(Health, (False, True)):
                    stated = replace(report, health=health, unstable=unstable) if report else None
                    node = replace(NODE, desired=desired, generation=generation, report=stated)
                    facts = facts_of(node)
                    seen.add(facts)
                    assert shown_status(node, agent_status).status is status_of(facts, agent_status)
    assert seen == set(ALL_FACTS)
    assert len(ALL_FACTS) == len(seen)


@pytest.mark.parametrize(
    ("node", "agent_status", "marks"),
    [
        (with_report(NodeState.RUNNING, pid=7), HEALTHY, ""),
        (with_report(NodeState.RUNNING, pid=7), OFFLINE, "missing attention"),
        (with_report(NodeState.FAILED), HEALTHY, "missing troubled attention"),
        (replace(with_report(NodeState.FAILED), desired=Desired.STOPPED), HEALTHY, "attention"),
        (with_report(NodeState.RUNNING, pid=7, health=Health.UNHEALTHY), HEALTHY, "troubled attention"),
        (with_report(NodeState.RUNNING, pid=7, health=Health.UNHEALTHY), OFFLINE, "missing attention"),
        (with_report(NodeState.RUNNING, pid=7, unstable=True), HEALTHY, "troubled attention"),
        (with_report(NodeState.RUNNING, pid=7, unstable=True), DEGRADED, "troubled attention"),
        (replace(with_report(NodeState.RUNNING, pid=7, unstable=True), desired=Desired.ABSENT), HEALTHY, ""),
        (with_report(NodeState.STARTING, pid=7, health=Health.UNHEALTHY), HEALTHY, "missing troubled attention"),
        (replace(with_report(NodeState.STOPPED), desired=Desired.STOPPED), HEALTHY, ""),
        (replace(with_report(NodeState.STOPPED), desired=Desired.STOPPED), OFFLINE, ""),
        (replace(with_report(NodeState.FAILED), desired=Desired.ABSENT), HEALTHY, ""),
        (NODE, None, "missing troubled attention"),
    ],
)
def test_what_is_missing_what_has_a_trouble_of_its_own_and_what_a_person_should_see(
    node: Node, agent_status: AgentStatus | None, marks: str
) -> None:
    judges = {"missing": is_missing, "troubled": is_troubled, "attention": needs_attention}
    assert " ".join(name for name, judge in judges.items() if judge(facts_of(node), agent_status)) == marks


def test_an_unhealthy_node_makes_the_grid_degraded_and_is_named() -> None:
    hung = with_report(
        NodeState.RUNNING, pid=7, health=Health.UNHEALTHY, reason=Reason.PROBE_FAILED, message="no answer"
    )
    summary = cluster_summary(agents(HEALTHY), [hung])
    assert (summary.status, summary.unhealthy_storage_nodes) == (ClusterHealth.DEGRADED, 1)
    assert summary.running_storage_nodes == 1, "its process runs"
    [reason] = summary.reasons
    assert mentions(reason, "node-1 on agent-1 is unhealthy", "no answer")


def test_a_node_that_runs_again_after_a_crash_keeps_the_grid_degraded_until_it_is_stable() -> None:
    crash = NodeExit(1, 0, 0, 200, Reason.CRASHED)
    again = with_report(
        NodeState.RUNNING,
        pid=7,
        exits=(crash,),
        unstable=True,
        stable_in_ms=29_000,
        started_at_ms=100_000,
        reported_at_ms=101_000,
    )
    summary = cluster_summary(agents(HEALTHY), [again], now_ms=105_000)
    assert (summary.status, summary.unstable_storage_nodes) == (ClusterHealth.DEGRADED, 1)
    [reason] = summary.reasons
    assert mentions(reason, "node-1", "exit code 1 after 0.2 s", "runs again for 5s", "stable in 25s")
    stable = replace(again, report=replace(again.report, unstable=False, stable_in_ms=0))
    assert cluster_summary(agents(HEALTHY), [stable]).status is ClusterHealth.HEALTHY


def test_an_older_agent_says_nothing_of_stability_and_nothing_changes_for_it() -> None:
    crashed = with_report(NodeState.RUNNING, pid=7, exits=(NodeExit(1, 0, 0, 200, Reason.CRASHED),))
    assert cluster_summary(agents(HEALTHY), [crashed]).status is ClusterHealth.HEALTHY


def test_a_node_that_waits_is_told_with_the_word_of_lists_and_the_time_that_is_left_now() -> None:
    waiting = with_report(NodeState.STARTING, backoff_ms=60_000, reported_at_ms=1_000, message="exited with code 1")
    [reason] = cluster_summary(agents(HEALTHY), [waiting], now_ms=43_000).reasons
    assert mentions(reason, "back-off, 18s left", "exited with code 1")


def test_what_is_last_known_is_unknown_with_its_age_and_keeps_the_numbers() -> None:
    known = cluster_summary(agents(HEALTHY), [NODE])
    unknown = as_last_known(known, 1_772_000_000_000, "no answer")
    assert (unknown.status, unknown.as_of_ms) == (ClusterHealth.UNKNOWN, 1_772_000_000_000)
    assert unknown.running_storage_nodes == 1
    assert mentions(unknown.reasons[0], "no answer", "2026-02-25 06:13:20 UTC", "healthy then")


def agents(*statuses: AgentStatus) -> list[Agent]:
    return [Agent(f"agent-{n}", "host", "desktop", 10, status=status) for n, status in enumerate(statuses, 1)]


@pytest.mark.parametrize(
    ("statuses", "health"),
    [
        ([], ClusterHealth.HEALTHY),
        ([HEALTHY], ClusterHealth.HEALTHY),
        ([HEALTHY, DEGRADED], ClusterHealth.DEGRADED),
        ([DEGRADED, DEGRADED], ClusterHealth.DEGRADED),
        ([HEALTHY, OFFLINE], ClusterHealth.DEGRADED),
        ([HEALTHY, OFFLINE, OFFLINE], ClusterHealth.CRITICAL),
        ([OFFLINE], ClusterHealth.CRITICAL),
    ],
)
def test_the_grid_by_its_agents(statuses: list[AgentStatus], health: ClusterHealth) -> None:
    assert cluster_summary(agents(*statuses), []).status is health


def test_a_node_that_should_run_and_does_not_degrades_the_grid() -> None:
    summary = cluster_summary(agents(HEALTHY), [with_report(NodeState.FAILED, message="crash loop")])
    assert summary.status is ClusterHealth.DEGRADED
    assert summary.failed_storage_nodes == 1
    (reason,) = summary.reasons
    assert mentions(reason, "node-1", "agent-1", "failed", "crash loop")


def test_stopped_nodes_leave_the_grid_healthy_and_removed_ones_do_not_count() -> None:
    stopped = replace(with_report(NodeState.STOPPED), desired=Desired.STOPPED)
    leaving = replace(NODE, node_id="node-2", desired=Desired.ABSENT)
    summary = cluster_summary(agents(HEALTHY), [stopped, leaving])
    assert summary.status is ClusterHealth.HEALTHY
    assert (summary.total_storage_nodes, summary.desired_storage_nodes) == (1, 0)


def test_nodes_of_an_offline_agent_are_told_together() -> None:
    nodes = [replace(NODE, node_id=f"node-{n}") for n in range(3)]
    summary = cluster_summary(agents(OFFLINE, HEALTHY), nodes)
    assert summary.status is ClusterHealth.DEGRADED
    assert summary.unknown_storage_nodes == 3
    assert summary.running_storage_nodes == 0
    (reason,) = summary.reasons
    assert mentions(reason, "agent-1", "offline")
    assert numbers_in(reason) == {"3"}, "how many nodes are unknown with it"


def test_reasons_are_bounded() -> None:
    summary = cluster_summary(agents(*[OFFLINE] * 30), [])
    assert len(summary.reasons) == 11
    assert numbers_in(summary.reasons[-1]) == {"20"}


def test_reasons_tell_agents_before_nodes_and_count_the_rest() -> None:
    failed = [replace(with_report(NodeState.FAILED), node_id=f"node-{n}", agent_id="agent-9") for n in range(15)]
    summary = cluster_summary([*agents(*[DEGRADED] * 8), Agent("agent-9", "host", "desktop", 10)], failed)
    *told, rest = summary.reasons
    assert [reason.split()[0] for reason in told] == [*["agent"] * 8, *["node"] * 2]
    assert numbers_in(rest) == {"13"}
