"""What reaches the registry behind: what holds when it is written, whatever came in which order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.fakes.clock import FakeClock
from support.values.grid_values import a_node, a_report, an_agent
from support.waiting import eventually

from sutra_grid.core.types import AgentStatus, NodeState
from sutra_grid.master.agent_calls import AgentCalls
from sutra_grid.master.config import MasterConfig
from sutra_grid.master.master import MasterCore
from sutra_grid.master.registry_writes.write_behind import PRESENCE_SECONDS
from sutra_grid.master.state.report_version import ReportSource
from sutra_grid.registry import Observations, Registry

AGENT = "agent-1"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def core(tmp_path: Path, clock: FakeClock) -> Iterator[MasterCore]:
    """A master without threads: what is dirty is written when the test says so."""
    registry = Registry.open(f"sqlite:///{tmp_path / 'registry.db'}", migrate=True)
    calls = AgentCalls()
    yield MasterCore(MasterConfig(), registry, calls, clock)
    calls.close()
    registry.close()


def recorded_status(core: MasterCore) -> AgentStatus:
    agent = core.registry.agent(AGENT)
    assert agent is not None
    return agent.status


def test_a_status_that_was_on_its_way_when_the_agent_registered_does_not_stay(core: MasterCore) -> None:
    core.registrar.register(an_agent(AGENT), [])
    core.registry_writer.flush()
    core.registrar.register(an_agent(AGENT), [])
    on_its_way = replace(an_agent(AGENT), status=AgentStatus.OFFLINE)
    core.registry.write_observations(Observations(agents=[on_its_way]))
    assert recorded_status(core) is AgentStatus.OFFLINE

    core.registry_writer.flush()

    assert recorded_status(core) is AgentStatus.HEALTHY


def test_a_report_is_written_as_the_grid_has_it_when_it_is_written(core: MasterCore) -> None:
    core.registrar.register(an_agent(AGENT), [])
    node = a_node(agent_id=AGENT, report=None)
    core.registry.create_node(node, record=None)
    core.state.nodes.put(node)
    core.state.nodes.record_report(an_agent(AGENT), a_report(node, state=NodeState.STARTING), ReportSource.ANSWER)
    core.registry_writer.queue_reports([node.node_id])
    core.state.nodes.record_report(an_agent(AGENT), a_report(node, state=NodeState.RUNNING), ReportSource.ANSWER)

    core.registry_writer.flush()

    recorded = core.registry.node(node.node_id)
    assert recorded is not None
    assert recorded.report is not None
    assert recorded.report.state is NodeState.RUNNING


def test_a_master_that_has_nothing_to_write_still_tells_that_it_runs(core: MasterCore, clock: FakeClock) -> None:
    core.registry_writer.flush()
    first = core.registry.master_last_seen_ms()
    assert first == int(clock.wall() * 1000)
    clock.advance(PRESENCE_SECONDS / 2)
    core.registry_writer.flush()
    assert core.registry.master_last_seen_ms() == first, "an idle master does not write at each flush"
    clock.advance(PRESENCE_SECONDS / 2)
    core.registry_writer.flush()
    assert core.registry.master_last_seen_ms() == int(clock.wall() * 1000)


def test_the_last_write_of_a_master_tells_when_it_ended(core: MasterCore, clock: FakeClock) -> None:
    with core.registry_writer:
        eventually(lambda: core.registry.master_last_seen_ms() > 0, 5, "the first presence")
        clock.advance(PRESENCE_SECONDS / 4)
    assert core.registry.master_last_seen_ms() == int(clock.wall() * 1000)


def test_what_was_removed_before_it_was_written_is_left_out(core: MasterCore) -> None:
    core.registry_writer.queue_status("agent-99")
    core.registry_writer.queue_reports(["node-99"])

    core.registry_writer.flush()

    assert core.registry.agents() == []
    assert core.registry.nodes() == []
