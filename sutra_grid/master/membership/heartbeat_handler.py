"""Answers heartbeats from memory alone: no registry access, no call."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sutra_grid.core.agent.liveness import change_by_heartbeat
from sutra_grid.core.agent.sessions import HeartbeatInstruction, Standing, standing
from sutra_grid.core.samples import HostSample
from sutra_grid.core.types import Agent, AgentStatus, Assignment, NodeReport, Reason
from sutra_grid.master.membership.agent_statuses import AgentStatuses
from sutra_grid.master.membership.host_watch import HostWatch
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
    """A heartbeat of an agent. Clients of the first protocol send no session.

    ``nodes`` is the full inventory. None: there is none, or it cannot be read; then only liveness counts.
    """

    agent_id: str
    session_id: str = ""
    nodes: Sequence[NodeReport] | None = None
    host: HostSample | None = None
    claimed_nodes: int = 0


@dataclass(frozen=True, slots=True)
class HeartbeatAnswer:
    """Whether the heartbeat counted, and what the agent must do."""

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
        hosts: HostWatch,
        clock: Clock,
    ) -> None:
        self._state = state
        self._reconciler = reconciler
        self._reconciliation_writer = writer
        self._statuses = statuses
        self._registry_writer = registry_writer
        self._hosts = hosts
        self._clock = clock
        self._counting = threading.Lock()
        self._counts: Counter[HeartbeatInstruction] = Counter()  # guarded by _counting

    def receive(self, heartbeat: Heartbeat) -> HeartbeatAnswer:
        """Record a heartbeat. The answer has an assignment for every node that differs from its desired state."""
        reached(Step.HEARTBEAT_RECEIVED)
        answer = self._answer(heartbeat)
        with self._counting:
            self._counts[answer.instruction] += 1
        return answer

    def counts(self) -> dict[HeartbeatInstruction, int]:
        """Heartbeats since the start by the instruction in the response."""
        with self._counting:
            return {instruction: self._counts[instruction] for instruction in HeartbeatInstruction}

    def _answer(self, heartbeat: Heartbeat) -> HeartbeatAnswer:
        agent = self._state.agents.get(heartbeat.agent_id)
        if agent is None:
            return HeartbeatAnswer(
                False, HeartbeatInstruction.REGISTER, f"agent {heartbeat.agent_id!r} is not registered with this master"
            )
        refusal = _refusal(agent, heartbeat)
        if refusal is not None:
            return refusal
        recorded = self._state.agents.record_heartbeat(
            heartbeat.agent_id, heartbeat.session_id, heartbeat.host, heartbeat.claimed_nodes
        )
        if recorded is None:  # another registration came between
            return HeartbeatAnswer(
                False, HeartbeatInstruction.REGISTER, "the agent has just registered with another session"
            )
        change = change_by_heartbeat(recorded.previous.agent.status, recorded.previous.seconds)
        if change is not None:
            self._statuses.change(recorded.previous.agent, change)
        self._queue_host_events(agent, heartbeat.host)
        self._registry_writer.queue_heartbeat(
            heartbeat.agent_id, wall_ms(self._clock), heartbeat.host if recorded.samples_due else None
        )
        if not heartbeat.session_id or heartbeat.nodes is None:
            return HeartbeatAnswer(True)
        result = self._reconciler.reconcile(
            agent, heartbeat.nodes, ReportSource.HEARTBEAT, keep_samples=recorded.samples_due
        )
        self._reconciliation_writer.enqueue(result.changes)
        return HeartbeatAnswer(True, assignments=result.assignments)

    def _queue_host_events(self, agent: Agent, host: HostSample | None) -> None:
        events = self._hosts.events(agent.agent_id, agent, host, wall_ms(self._clock))
        self._registry_writer.queue_events(events)
        for event in events:
            log.warning(event.kind, agent=agent.agent_id, reason=event.reason, message=event.message)


def _refusal(agent: Agent, heartbeat: Heartbeat) -> HeartbeatAnswer | None:
    """The answer to a heartbeat that does not count as one. None: it counts."""
    if agent.reason is Reason.UNREGISTERED:
        return HeartbeatAnswer(
            False, HeartbeatInstruction.REGISTER, f"agent {agent.agent_id} has unregistered; it must register again"
        )
    if not heartbeat.session_id:
        held = f"agent id {agent.agent_id!r} is registered by host {agent.hostname}"
        return HeartbeatAnswer(False, HeartbeatInstruction.REGISTER, held) if agent.host_id else None
    match standing(heartbeat.session_id, agent.session_id, agent.instance_id):
        case Standing.CURRENT:
            return None
        case Standing.SUPERSEDED:
            return _answer_to_older_process(agent, heartbeat)
        case Standing.UNKNOWN:
            return HeartbeatAnswer(False, HeartbeatInstruction.REGISTER, "the session is unknown to this master")


def _answer_to_older_process(agent: Agent, heartbeat: Heartbeat) -> HeartbeatAnswer:
    """The answer to the older of two processes with one agent id. It ends only after the newer one sent a heartbeat.

    Until then the newer session may be a late registration of a process that is gone. The older process waits until
    the agent is degraded, and registers again.
    """
    newer = f"a newer process of agent {agent.agent_id} registered from {agent.hostname}"
    if agent.last_heartbeat_ms != agent.registered_at_ms:
        log.warning("heartbeat of a superseded process", agent=agent.agent_id, session=heartbeat.session_id)
        return HeartbeatAnswer(False, HeartbeatInstruction.SUPERSEDED, f"{newer}; this process must exit")
    if agent.status is AgentStatus.HEALTHY:
        return HeartbeatAnswer(True, message=f"{newer} but has not sent a heartbeat yet; wait")
    return HeartbeatAnswer(False, HeartbeatInstruction.REGISTER, f"{newer} but never sent a heartbeat")
