"""The registry's contract for agents, on every backend."""

from dataclasses import replace

import pytest
from support.values.grid_values import HOST, a_node, an_agent, an_event

from sutra_grid.core.errors import InvalidArgument, NotFound
from sutra_grid.core.types import Agent, AgentStatus, Reason
from sutra_grid.registry import Observations, Registry


def test_a_saved_agent_comes_back_as_it_was(registry: Registry) -> None:
    agent = an_agent(drained=True, status=AgentStatus.DEGRADED)
    registry.save_agent(agent)
    assert registry.agent("agent-1") == agent
    assert registry.agents() == [agent]


def test_an_agent_of_the_first_protocol_has_no_host_and_no_session(registry: Registry) -> None:
    agent = Agent("v1", "host", "desktop", 4)
    registry.save_agent(agent)
    assert registry.agent("v1") == agent


def test_saving_again_overwrites_every_column(registry: Registry) -> None:
    registry.save_agent(an_agent())
    newer = Agent("agent-1", "elsewhere", "aws", 3, labels={"zone": "us-1"})
    registry.save_agent(newer)
    assert registry.agents() == [newer]


def test_agents_are_listed_by_id_bytewise(registry: Registry) -> None:
    for agent_id in ("b", "a-2", "B", "a.1", "a-10"):
        registry.save_agent(an_agent(agent_id))
    assert [agent.agent_id for agent in registry.agents()] == ["B", "a-10", "a-2", "a.1", "b"]


def test_an_unknown_agent_is_none(registry: Registry) -> None:
    assert registry.agent("nobody") is None


def test_draining_changes_the_flag_alone(registry: Registry) -> None:
    registry.save_agent(an_agent())
    registry.write_observations(Observations(heartbeats={"agent-1": 7_777}))
    drained = registry.set_drained("agent-1", True, [an_event("agent.drained")])
    assert drained == an_agent(drained=True, last_heartbeat_ms=7_777)
    assert not registry.set_drained("agent-1", False).drained
    assert [event.kind for event in registry.events()] == ["agent.drained"]


def test_draining_an_unknown_agent_is_not_found_and_leaves_no_event(registry: Registry) -> None:
    with pytest.raises(NotFound, match="ghost") as caught:
        registry.set_drained("ghost", True, [an_event("agent.drained")])
    assert caught.value.reason is Reason.UNKNOWN_AGENT
    assert registry.events() == []


def test_removing_an_agent_tombstones_its_nodes(registry: Registry) -> None:
    registry.save_agent(an_agent("agent-1"))
    registry.save_agent(an_agent("agent-2"))
    registry.create_node(a_node("node-1", generation=4), record=None)
    registry.create_node(a_node("node-2", "agent-2"), record=None)
    registry.remove_agent("agent-1", [an_event("agent.removed")])
    assert registry.agent("agent-1") is None
    assert [node.node_id for node in registry.nodes()] == ["node-2"]
    assert registry.tombstones() == {"node-1": 4}
    assert [event.kind for event in registry.events()] == ["agent.removed"]


def test_removing_an_unknown_agent_is_not_found(registry: Registry) -> None:
    with pytest.raises(NotFound):
        registry.remove_agent("ghost")


def test_observations_write_the_status_and_leave_the_rest(registry: Registry) -> None:
    registry.save_agent(an_agent(drained=True))
    stale = an_agent(hostname="old", status=AgentStatus.OFFLINE, reason=Reason.MISSED_HEARTBEATS, message="silent")
    host = replace(HOST, cpu_percent=99.0)
    seen = Observations(heartbeats={"agent-1": 9_000}, agents=[stale], hosts={"agent-1": host})
    registry.write_observations(seen)
    assert registry.agent("agent-1") == an_agent(
        drained=True,
        status=AgentStatus.OFFLINE,
        reason=Reason.MISSED_HEARTBEATS,
        message="silent",
        last_heartbeat_ms=9_000,
        host=host,
    )


def test_observations_of_a_removed_agent_are_passed_over(registry: Registry) -> None:
    registry.write_observations(
        Observations(heartbeats={"ghost": 1}, agents=[an_agent("ghost")], hosts={"ghost": HOST})
    )
    assert registry.agents() == []


def test_observations_of_many_agents_take_one_call(registry: Registry) -> None:
    ids = [f"agent-{number:04}" for number in range(600)]
    for agent_id in ids:
        registry.save_agent(an_agent(agent_id))
    registry.write_observations(Observations(heartbeats=dict.fromkeys(ids, 5_555)))
    assert {agent.last_heartbeat_ms for agent in registry.agents()} == {5_555}


def test_text_that_no_database_likes_is_kept_readable(registry: Registry) -> None:
    registry.save_agent(an_agent(hostname="h\x00st 'x'; --", labels={"k\x00": "v\x00"}))
    agent = registry.agent("agent-1")
    assert agent is not None
    assert agent.hostname == "h�st 'x'; --"
    assert agent.labels == {"k�": "v�"}


def test_a_number_beyond_64_bits_is_refused_by_name(registry: Registry) -> None:
    with pytest.raises(InvalidArgument, match=r"2\^63-1"):
        registry.save_agent(an_agent(max_storage_nodes=2**64 - 1))
    registry.save_agent(an_agent())
