"""A heartbeat: the agent is alive, and this is what it has. Memory alone; no registry, no call."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sutra_grid.core.host_changes import host_events
from sutra_grid.core.liveness import change_by_heartbeat
from sutra_grid.core.sessions import HeartbeatInstruction, Standing, standing
from sutra_grid.core.types import Agent, AgentStatus, Assignment, HostSample, NodeReport, Reason
from sutra_grid.master.membership.agent_statuses import AgentStatuses
from sutra_grid.master.reconciliation.reconciler import Reconciler
from sutra_grid.master.reconciliation.writer import ReconciliationWriter
from sutra_grid.master.registry_writes.write_behind import RegistryWriter
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.master.state.report_version import ReportSource
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.steps import Step, reached

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What an agent says. An empty session is a client of the first protocol.

    ``nodes`` is the full inventory; None when there is none or it can't be read: then only liveness counts.
    """

    agent_id: str
    session_id: str = ""
    nodes: Sequence[NodeReport] | None = None
    host: HostSample | None = None
    claimed_nodes: int = 0


@dataclass(frozen=True, slots=True)
class HeartbeatAnswer:
    """Whether it counted; what the agent is to do."""

    acknowledged: bool
    instruction: HeartbeatInstruction = HeartbeatInstruction.CONTINUE
    message: str = ""
    assignments: tuple[Assignment, ...] = ()


class HeartbeatHandler:
    """Thread-safe; never blocks."""

    def __init__(
        self,
        state: ClusterState,
        reconciler: Reconciler,
        writer: ReconciliationWriter,
        statuses: AgentStatuses,
        registry_writer: RegistryWriter,
        clock: Clock,
    ) -> None:
        self._state = state
        self._reconciler = reconciler
        self._reconciliation_writer = writer
        self._statuses = statuses
        self._registry_writer = registry_writer
        self._clock = clock
        self._counting = threading.Lock()
        self._counts: Counter[HeartbeatInstruction] = Counter()  # by what was answered; guarded by _counting

    def receive(self, beat: Heartbeat) -> HeartbeatAnswer:
        """Take a heartbeat. The answer mends whatever the inventory differs in from what is desired."""
        reached(Step.HEARTBEAT_RECEIVED)
        answer = self._answer(beat)
        with self._counting:
            self._counts[answer.instruction] += 1
        return answer

    def counts(self) -> dict[HeartbeatInstruction, int]:
        """Heartbeats since the start by the instruction in the response."""
        with self._counting:
            return {instruction: self._counts[instruction] for instruction in HeartbeatInstruction}

    def _answer(self, beat: Heartbeat) -> HeartbeatAnswer:
        agent = self._state.agents.get(beat.agent_id)
        if agent is None:
            return HeartbeatAnswer(
                False, HeartbeatInstruction.REGISTER, f"no agent {beat.agent_id!r} is registered here"
            )
        refusal = _refusal(agent, beat)
        if refusal is not None:
            return refusal
        recorded = self._state.agents.record_heartbeat(beat.agent_id, beat.session_id, beat.host, beat.claimed_nodes)
        if recorded is None:  # another registration came in between
            return HeartbeatAnswer(False, HeartbeatInstruction.REGISTER, "another session of this agent has just begun")
        change = change_by_heartbeat(recorded.previous.agent.status, recorded.previous.seconds)
        if change is not None:
            self._statuses.change(recorded.previous.agent, change)
        self._tell_of_host(agent, beat.host)
        self._registry_writer.queue_heartbeat(
            beat.agent_id, wall_ms(self._clock), beat.host if recorded.samples_due else None
        )
        if not beat.session_id or beat.nodes is None:
            return HeartbeatAnswer(True)
        received = self._reconciler.inventory(
            agent, beat.nodes, ReportSource.HEARTBEAT, keep_samples=recorded.samples_due
        )
        self._reconciliation_writer.enqueue(received.changes)
        return HeartbeatAnswer(True, assignments=received.assignments)

    def _tell_of_host(self, agent: Agent, host: HostSample | None) -> None:
        events = host_events(agent.agent_id, agent.host, host, wall_ms(self._clock))
        self._registry_writer.queue_events(events)
        for event in events:
            log.warning(event.kind, agent=agent.agent_id, reason=event.reason, message=event.message)


def _refusal(agent: Agent, beat: Heartbeat) -> HeartbeatAnswer | None:
    """Why the heartbeat does not count; None: it does."""
    if agent.reason is Reason.UNREGISTERED:
        return HeartbeatAnswer(
            False, HeartbeatInstruction.REGISTER, f"agent {agent.agent_id} said that it stops; register again"
        )
    if not beat.session_id:
        held = f"agent id {agent.agent_id!r} is held by host {agent.hostname}"
        return HeartbeatAnswer(False, HeartbeatInstruction.REGISTER, held) if agent.host_id else None
    match standing(beat.session_id, agent.session_id, agent.instance_id):
        case Standing.CURRENT:
            return None
        case Standing.SUPERSEDED:
            return _to_the_older(agent, beat)
        case Standing.UNKNOWN:
            return HeartbeatAnswer(False, HeartbeatInstruction.REGISTER, "this session is not known here")


def _to_the_older(agent: Agent, beat: Heartbeat) -> HeartbeatAnswer:
    """What an older process is told. A newer session that was never used ends nobody.

    It may be a registration that came late from a process which is gone: then the one that is left
    keeps waiting until the newer is called degraded, and registers again.
    """
    newer = f"a newer process of agent {agent.agent_id} registered from {agent.hostname}"
    if agent.last_heartbeat_ms != agent.registered_at_ms:
        log.warning("heartbeat of a superseded process", agent=agent.agent_id, session=beat.session_id)
        return HeartbeatAnswer(False, HeartbeatInstruction.SUPERSEDED, f"{newer}; end this one")
    if agent.status is AgentStatus.HEALTHY:
        return HeartbeatAnswer(True, message=f"{newer} and was not heard yet; wait")
    return HeartbeatAnswer(False, HeartbeatInstruction.REGISTER, f"{newer} and was never heard")
