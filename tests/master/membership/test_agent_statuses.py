"""A registration's change of status: by the transitions table, with an event, also when it changed meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.fakes.clock import FakeClock
from support.values.grid_values import an_agent

from sutra_grid.core.types import Agent, AgentStatus, Event, Reason
from sutra_grid.master.membership.agent_statuses import AgentStatuses
from sutra_grid.master.state.cluster_state import ClusterState

HEALTHY = an_agent(status=AgentStatus.HEALTHY)
DEGRADED = an_agent(status=AgentStatus.DEGRADED, reason=Reason.MISSED_HEARTBEATS, message="3 missed")
NEXT_SESSION = replace(HEALTHY, session_id="session-2")


class RecordingWriter:
    """What a registry writer is given."""

    def __init__(self) -> None:
        self.statuses: list[str] = []
        self.events: list[Event] = []

    def queue_status(self, agent_id: str) -> None:
        self.statuses.append(agent_id)

    def queue_events(self, events: list[Event]) -> None:
        self.events += events


@pytest.mark.parametrize(
    ("known", "before", "recovered"),
    [
        (None, None, False),
        (HEALTHY, HEALTHY, False),
        (DEGRADED, DEGRADED, False),  # the registration itself wrote the event
        (HEALTHY, DEGRADED, True),
        (None, DEGRADED, True),
    ],
)
def test_a_recovery_that_the_registration_did_not_see_is_an_event(
    known: Agent | None, before: Agent | None, recovered: bool
) -> None:
    state, writer = ClusterState(FakeClock()), RecordingWriter()
    if before is not None:
        state.agents.register(before)
    AgentStatuses(state, writer).register(NEXT_SESSION, known)  # type: ignore[arg-type]
    agent = state.agents.get("agent-1")
    assert agent is not None
    assert (agent.status, agent.session_id) == (AgentStatus.HEALTHY, "session-2")
    assert writer.statuses == ["agent-1"]
    assert [(event.kind, event.reason) for event in writer.events] == (
        [("agent.recovered", Reason.RECOVERED)] if recovered else []
    )
