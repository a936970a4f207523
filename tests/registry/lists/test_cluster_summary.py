"""The grid counted in the database is the grid counted in memory, on every backend."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.values.grid_values import a_node, a_report, an_agent
from support.values.registry_rows import AGENTS, fill, nodes_of_every_kind

from sutra_grid.core.status import cluster_summary
from sutra_grid.core.types import Agent, AgentStatus, ClusterHealth, ClusterSummary, Desired, Health, Node, NodeState
from sutra_grid.registry import Registry

NOW_MS = 5_000
"""Of the registry's clock."""


def test_an_empty_grid_is_healthy(registry: Registry) -> None:
    assert registry.cluster_summary() == ClusterSummary(ClusterHealth.HEALTHY)


def test_a_grid_with_everything_in_it_is_counted_as_in_memory(registry: Registry) -> None:
    fill(registry, AGENTS, nodes_of_every_kind())
    assert registry.cluster_summary() == cluster_summary(registry.agents(), registry.nodes(), NOW_MS)


def test_its_times_are_as_of_a_given_moment(registry: Registry) -> None:
    node = a_node("node-1", "agent-1")
    report = a_report(node, unstable=True, started_at_ms=1_000, reported_at_ms=1_000, stable_in_ms=30_000)
    fill(registry, [an_agent("agent-1")], [replace(node, report=report)])
    assert "runs again for 4s" in registry.cluster_summary().reasons[0]
    assert "runs again for 1s" in registry.cluster_summary(2_000).reasons[0], "no time passes for what nobody sees"


def nodes_of(agent: Agent, number: int) -> st.SearchStrategy[list[Node]]:
    @st.composite
    def one(draw: st.DrawFn, node_id: str) -> Node:
        node = a_node(node_id, agent.agent_id, desired=draw(st.sampled_from(Desired)), generation=2)
        report = a_report(
            node,
            generation=draw(st.sampled_from((0, 1, 2, 3))),
            state=draw(st.sampled_from(NodeState)),
            pid=draw(st.sampled_from((0, 7))),
            health=draw(st.sampled_from(Health)),
            message=draw(st.sampled_from(("", "why"))),
            log_tail=(),
        )
        return draw(st.sampled_from((node, replace(node, report=report))))

    return st.integers(0, 4).flatmap(
        lambda count: st.tuples(*(one(f"node-{slot}-{number}") for slot in range(count))).map(list)
    )


@st.composite
def grids(draw: st.DrawFn) -> tuple[list[Agent], list[Node]]:
    statuses = draw(st.lists(st.sampled_from(AgentStatus), max_size=14))
    agents = [
        an_agent(f"agent-{number:02}", status=status, message=draw(st.sampled_from(("", "silent"))))
        for number, status in enumerate(statuses)
    ]
    return agents, [node for number, agent in enumerate(agents) for node in draw(nodes_of(agent, number))]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(grid=grids())
def test_any_grid_is_counted_as_in_memory(registry: Registry, grid: tuple[list[Agent], list[Node]]) -> None:
    for agent in registry.agents():
        registry.remove_agent(agent.agent_id)
    registry.prune(10**15, 1, 0)  # the tombstones too: the same ids come again
    agents, nodes = grid
    fill(registry, agents, nodes)
    assert registry.cluster_summary() == cluster_summary(agents, sorted(nodes, key=lambda node: node.node_id), NOW_MS)
