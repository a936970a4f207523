"""The grid in numbers is what counting every agent and node by hand gives."""

from collections import Counter

from support.values.grid_values import a_node, a_report, an_agent, an_event

from sutra_grid.core.status import facts_of
from sutra_grid.core.types import AgentStatus, Desired, Health, Node, NodeReport, NodeState
from sutra_grid.registry import Observations, Registry
from sutra_grid.registry.values import AgentPulse, NodeCount


def a_grid(registry: Registry) -> list[Node]:
    """Three agents, and on each a node for every kind of report there is, in two engines."""
    for number, status in enumerate(AgentStatus, start=1):
        registry.save_agent(an_agent(f"agent-{number}", status=status, drained=number == 2, last_heartbeat_ms=number))
    nodes: list[Node] = []
    reports: list[NodeReport] = []
    for agent in registry.agents():
        for desired in Desired:
            for state in (None, *NodeState):
                for generation in (1, 2):
                    node = a_node(f"node-{len(nodes):04}", agent.agent_id, desired=desired, generation=2)
                    nodes.append(node)
                    if state is not None:
                        health = Health.UNHEALTHY if generation == 1 else Health.UNKNOWN
                        pid = 7 if state is NodeState.RUNNING else 0
                        reports.append(a_report(node, generation=generation, state=state, health=health, pid=pid))
    for node in nodes:
        registry.create_node(node, record=None)
    registry.write_observations(Observations(reports=reports))
    return registry.nodes()


def test_nodes_are_counted_by_all_that_their_status_depends_on(registry: Registry) -> None:
    nodes = a_grid(registry)
    statuses = {agent.agent_id: agent.status for agent in registry.agents()}
    by_hand: Counter[tuple[object, ...]] = Counter()
    restarts: Counter[tuple[object, ...]] = Counter()
    for node in nodes:
        key = (facts_of(node), statuses[node.agent_id], node.spec.engine)
        by_hand[key] += 1
        restarts[key] += node.report.restarts if node.report else 0

    counted = registry.counts(0).nodes

    assert Counter(counted) == Counter(NodeCount(*key, number, restarts[key]) for key, number in by_hand.items())


def test_agents_are_counted_with_their_slots_and_heartbeats(registry: Registry) -> None:
    a_grid(registry)
    assert sorted(registry.counts(0).agents) == sorted(
        AgentPulse(status, number == 2, 10, number) for number, status in enumerate(AgentStatus, start=1)
    )


def test_events_are_counted_by_kind_since_a_moment_and_all_by_their_ids(registry: Registry) -> None:
    times = {"node.spawned": (100, 200, 300), "agent.offline": (299,), "node.exited": (300,)}
    events = [an_event(kind, at_ms=at_ms) for kind, moments in times.items() for at_ms in moments]
    registry.save_agent(an_agent(), events)
    counts = registry.counts(events_since_ms=300)
    assert counts.events == {"node.spawned": 1, "node.exited": 1}
    assert counts.last_event_id == registry.last_event_id()


def test_an_empty_registry_counts_nothing(registry: Registry) -> None:
    counts = registry.counts(0)
    assert (counts.agents, counts.nodes, counts.last_event_id, counts.events) == ([], [], 0, {})
