"""What waits to be written, by plain values: a spawn that was given up while the registry took nothing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from support.fakes.clock import FakeClock
from support.values.grid_values import a_node, an_agent, an_event

from sutra_grid.core.errors import Unavailable
from sutra_grid.core.types import Desired, Event, Node
from sutra_grid.master.reconciliation.writer import ReconciliationWriter
from sutra_grid.master.state.cluster_state import ClusterState

NODE = a_node("node-1", generation=1, desired=Desired.RUNNING)


class Registry:
    """Takes what is written, or not."""

    def __init__(self) -> None:
        self.is_locked = False
        self.written: list[str] = []

    def change_desired(self, node_id: str, desired: Desired, *, events: Sequence[Event]) -> Node:
        if self.is_locked:
            raise Unavailable("registry is locked")
        self.written.append(node_id)
        return replace(NODE, desired=desired, generation=2)


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def state() -> ClusterState:
    state = ClusterState(FakeClock())
    state.agents.register(an_agent("agent-1"))
    state.nodes.put(NODE)
    return state


@pytest.fixture
def writer(state: ClusterState, registry: Any) -> ReconciliationWriter:
    nothing: Any = None
    writer = ReconciliationWriter(state, registry, nothing, FakeClock())
    writer.remove_failed_spawn(NODE, an_event("node.spawn_failed"))
    return writer


def test_it_is_written_once_as_soon_as_the_registry_takes_it(
    writer: ReconciliationWriter, state: ClusterState, registry: Registry
) -> None:
    registry.is_locked = True
    writer.write_queued()
    registry.is_locked = False
    writer.write_queued()
    writer.write_queued()

    assert registry.written == ["node-1"]
    known = state.nodes.get("node-1")
    assert known is not None
    assert known.desired is Desired.ABSENT


def test_a_command_that_came_before_wins(writer: ReconciliationWriter, state: ClusterState, registry: Registry) -> None:
    state.nodes.put(replace(NODE, desired=Desired.STOPPED, generation=2))
    writer.write_queued()

    assert registry.written == []
    known = state.nodes.get("node-1")
    assert known is not None
    assert known.desired is Desired.STOPPED


def test_one_that_is_gone_meanwhile_is_left_alone(
    writer: ReconciliationWriter, state: ClusterState, registry: Registry
) -> None:
    state.nodes.tombstone("node-1")
    writer.write_queued()

    assert registry.written == []
