"""The registry's contract for lists of agents, on every backend."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.values.grid_values import a_node, an_agent
from support.values.registry_rows import fill

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Agent, AgentStatus, Desired
from sutra_grid.registry import AgentCell, AgentQuery, AgentSort, ListedAgent, Registry
from sutra_grid.registry.lists.agents import STATUS_ORDER

STATUSES = list(AgentStatus)


@pytest.fixture
def used(registry: Registry) -> dict[str, int]:
    """How many slots of each agent are used."""
    agents = [
        an_agent(
            f"agent-{number:02}",
            hostname=f"Host{number % 5}.example",
            status=STATUSES[number % 3],
            drained=number % 4 == 0,
            platform="aws" if number % 2 else "docker",
            last_heartbeat_ms=1_000 + number * 7 % 20,
            labels={"zone": f"z{number % 3}"} if number % 5 else {'a"b\\%': "x=y"},
        )
        for number in range(30)
    ]
    nodes = [
        a_node(f"node-{number}-{slot}", agent.agent_id, desired=Desired.ABSENT if slot == 3 else Desired.STOPPED)
        for number, agent in enumerate(agents)
        for slot in range(number % 5)
    ]
    fill(registry, agents, nodes)
    return {agent.agent_id: min(number % 5, 3) for number, agent in enumerate(agents)}


def everything(registry: Registry, query: AgentQuery) -> list[ListedAgent]:
    listed: list[ListedAgent] = []
    while True:
        page = registry.agent_page(query)
        listed += page.items
        if not page.next_cursor:
            return listed
        query = replace(query, cursor=page.next_cursor)


def test_agents_are_filtered_sorted_paged_and_counted(registry: Registry, used: dict[str, int]) -> None:
    agents = registry.agents()
    keys: dict[AgentSort, Callable[[Agent], Any]] = {
        AgentSort.ID: lambda agent: agent.agent_id,
        AgentSort.STATUS: lambda agent: STATUS_ORDER.index(agent.status),
        AgentSort.USED: lambda agent: used[agent.agent_id],
        AgentSort.HEARTBEAT: lambda agent: agent.last_heartbeat_ms,
    }
    for sort, key in keys.items():
        for descending in (False, True):
            expected = sorted(agents, key=lambda agent: (key(agent), agent.agent_id), reverse=descending)
            listed = everything(registry, AgentQuery(sort=sort, descending=descending, limit=7))
            assert listed == [ListedAgent(agent, used[agent.agent_id]) for agent in expected], (sort, descending)
    assert registry.platforms() == {agent.platform for agent in agents}
    filters: list[tuple[dict[str, Any], Callable[[Agent], bool]]] = [
        *(({"status": status}, lambda agent, status=status: agent.status is status) for status in AgentStatus),
        ({"drained": True}, lambda agent: agent.drained),
        ({"drained": False}, lambda agent: not agent.drained),
        ({"platform": "aws"}, lambda agent: agent.platform == "aws"),
        ({"label": "zone"}, lambda agent: "zone" in agent.labels),
        ({"label": "zone=z1"}, lambda agent: agent.labels.get("zone") == "z1"),
        ({"label": "zone="}, lambda agent: False),
        ({"label": 'a"b\\%=x=y'}, lambda agent: 'a"b\\%' in agent.labels),
        ({"text": "agent-1"}, lambda agent: agent.agent_id.startswith("agent-1")),
        ({"text": "hOST3"}, lambda agent: agent.hostname.startswith("Host3")),
        ({"text": "%"}, lambda agent: False),
        (
            {"text": "2", "drained": True, "platform": "docker"},
            lambda agent: agent.drained and ("2" in agent.agent_id + agent.hostname),
        ),
    ]
    for chosen, is_wanted in filters:
        listed = everything(registry, AgentQuery(**chosen, limit=5))
        assert [each.agent for each in listed] == list(filter(is_wanted, agents)), chosen


def test_cells_tell_of_each_agent_what_a_grid_shows(registry: Registry, used: dict[str, int]) -> None:
    assert registry.agent_cells() == [
        AgentCell(agent.agent_id, agent.status, used[agent.agent_id], agent.max_storage_nodes, agent.drained)
        for agent in registry.agents()
    ]


def test_a_cursor_goes_on_with_its_own_list_only(registry: Registry, used: dict[str, int]) -> None:
    cursor = registry.agent_page(AgentQuery(limit=1)).next_cursor
    with pytest.raises(InvalidArgument, match="filter"):
        registry.agent_page(AgentQuery(cursor=cursor, drained=True))


def test_a_page_has_the_number_of_all_rows_if_asked(registry: Registry, used: dict[str, int]) -> None:
    query = AgentQuery(drained=True, limit=3)
    expected = sum(agent.drained for agent in registry.agents())
    while True:
        page = registry.agent_page(query, counted=True)
        assert page.total == expected
        if not page.next_cursor:
            break
        query = replace(query, cursor=page.next_cursor)
    assert registry.agent_page(AgentQuery(), counted=True).total == len(used)
    assert registry.agent_page(AgentQuery()).total == -1


def test_an_agent_is_found_by_its_endpoint(registry: Registry) -> None:
    fill(registry, [an_agent("agent-1", endpoint="10.0.0.5:7001"), an_agent("agent-2", endpoint="10.0.0.6:7001")], [])
    found = registry.agent_page(AgentQuery(text="0.6:7001")).items
    assert [listed.agent.agent_id for listed in found] == ["agent-2"]
