"""Hundreds of registry rows, for lists that sort, filter and page."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product

from support.values.grid_values import a_node, a_report, an_agent
from sutra_grid.core.samples import NodeSample
from sutra_grid.core.types import Agent, AgentStatus, Desired, Health, Node, NodeState
from sutra_grid.registry import Observations, Registry

#: An agent of each status, and what they are called.
AGENTS = [an_agent(f"agent-{status}", status=status) for status in AgentStatus]


def nodes_of_every_kind() -> Iterator[Node]:
    """On each agent one of every combination that a status depends on, with a spread of values to sort by."""
    kinds = product(AGENTS, Desired, (None, *NodeState), (1, 2), (0, 7), Health)
    for number, (agent, desired, state, reported, pid, health) in enumerate(kinds):
        node = a_node(f"node-{number:05}", agent.agent_id, desired=desired, generation=2, created_at_ms=number * 7 % 50)
        if state is None:
            if (reported, pid, health) == (1, 0, Health.UNKNOWN):
                yield node
            continue
        sample = NodeSample(rss_bytes=number * 13 % 40, cpu_percent=number * 11 % 30 / 4) if number % 3 else None
        yield replace(
            node,
            report=a_report(
                node,
                **{
                    "generation": reported,
                    "state": state,
                    "pid": pid,
                    "health": health,
                    "unstable": number % 2 == 0,
                    "log_tail": (),
                    "sample": sample,
                    "backoff_ms": 250 if number % 2 else 0,
                },
                **{"restarts": number * 5 % 20, "started_at_ms": number * 3 % 60},
                spec=replace(node.spec, engine="redis" if number % 4 == 0 else "storage"),
            ),
        )


def fill(registry: Registry, agents: Iterable[Agent], nodes: Iterable[Node]) -> None:
    """Write the rows as the master does: first the node, then its report."""
    for agent in agents:
        registry.save_agent(agent)
    kept = list(nodes)
    for node in kept:
        registry.create_node(replace(node, report=None), record=None)
    registry.write_observations(Observations(reports=[node.report for node in kept if node.report is not None]))
