"""Registers agents with a session and their full inventory, and unregisters agents that stop on purpose.

A registration is written to the registry before it is answered. While the registry does not answer, registrations
fail as unavailable, and the agents retry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sutra_grid.core.agent.liveness import StatusChange
from sutra_grid.core.agent.sessions import new_session
from sutra_grid.core.errors import FailedPrecondition, InvalidArgument
from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.types import Actor, Agent, AgentStatus, Assignment, Event, NodeReport, Reachability, Reason
from sutra_grid.master.lookups import known_agent
from sutra_grid.master.membership.agent_statuses import AgentStatuses, recovery_event
from sutra_grid.master.membership.host_watch import HostWatch
from sutra_grid.master.reconciliation.reconciler import Reconciler
from sutra_grid.master.reconciliation.writer import ReconciliationWriter
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.master.state.report_version import ReportSource
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.net import parse_host_port
from sutra_grid.runtime.steps import Step, reached

log = get_logger(__name__)

MAX_NAME_LENGTH = 128
MIN_INTERVAL_MS = 50
MAX_INTERVAL_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Registered:
    """The session that every heartbeat must carry, and the first assignments."""

    session_id: str
    assignments: tuple[Assignment, ...]


class Registrar:
    """Thread-safe; blocks on the registry."""

    def __init__(
        self,
        registry: Registry,
        state: ClusterState,
        reconciler: Reconciler,
        writer: ReconciliationWriter,
        statuses: AgentStatuses,
        hosts: HostWatch,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._state = state
        self._reconciler = reconciler
        self._reconciliation_writer = writer
        self._statuses = statuses
        self._hosts = hosts
        self._clock = clock

    def register(self, agent: Agent, inventory: Sequence[NodeReport]) -> Registered:
        """Register an agent and its inventory under a new session, which ranks above its last, ``agent.session_id``.

        Nodes that the registry does not know are taken over as they are. Raises ``AlreadyExists``
        (``host_conflict``) when another host has registered the id, ``InvalidArgument`` for an invalid id or
        endpoint, ``Unavailable`` while the registry does not answer.
        """
        reached(Step.REGISTRATION_RECEIVED)
        _check(agent)
        known = self._state.agents.get(agent.agent_id)
        if known is not None and known.host_id and known.host_id != agent.host_id:
            raise self._hosts.refusals.refuse(agent, known)
        admitted = self._admit(agent, known)
        self._registry.save_agent(admitted, self._events(admitted, known))
        reached(Step.AGENT_SAVED)
        if known is None or known.instance_id != agent.instance_id:
            self._hosts.refusals.holder_changed(agent.agent_id)
        self._statuses.register(admitted, known)
        log.info(
            "agent registered",
            agent=agent.agent_id,
            hostname=agent.hostname,
            session=admitted.session_id,
            nodes=len(inventory),
        )
        if not agent.host_id:  # clients of the first protocol send no inventory
            return Registered(admitted.session_id, ())
        result = self._reconciler.reconcile(admitted, inventory, ReportSource.REGISTRATION)
        for change in result.changes:
            self._reconciliation_writer.carry_out(change)
        reached(Step.REGISTRATION_DUE)
        return Registered(admitted.session_id, result.assignments)

    def unregister(self, agent_id: str, session_id: str, reason: str) -> None:
        """Set an agent that stops on purpose offline at once. A session that is not current changes nothing.

        Raises ``NotFound`` for an unknown agent, ``FailedPrecondition`` without a session where one is required.
        """
        agent = known_agent(self._state, agent_id)
        if not session_id and agent.host_id:
            raise FailedPrecondition(
                f"agent {agent_id} can be unregistered only with the id of its session",
                reason=Reason.SUPERSEDED,
                hint="Send the session_id from the response to the registration",
            )
        if session_id and session_id != agent.session_id:
            log.info("unregistration of an older session ignored", agent=agent_id, session=session_id)
            return
        message = f"the agent stopped on purpose: {reason}" if reason else "the agent stopped on purpose"
        if agent.status is not AgentStatus.OFFLINE:
            self._statuses.change(agent, StatusChange(AgentStatus.OFFLINE, Reason.UNREGISTERED, message))

    def _admit(self, agent: Agent, known: Agent | None) -> Agent:
        now_ms = wall_ms(self._clock)
        return replace(
            agent,
            session_id=new_session(
                known.session_id if known else "", agent.instance_id, now_ms, reported=agent.session_id
            ),
            heartbeat_interval_ms=min(max(agent.heartbeat_interval_ms, MIN_INTERVAL_MS), MAX_INTERVAL_MS),
            status=AgentStatus.HEALTHY,
            reason=Reason.REGISTERED,
            message=f"registered from host {agent.hostname}",
            status_since_ms=known.status_since_ms if known and known.status is AgentStatus.HEALTHY else now_ms,
            drained=known.drained if known else False,
            reachability=known.reachability if known else Reachability(),
            registered_at_ms=now_ms,
            last_heartbeat_ms=now_ms,
        )

    def _events(self, agent: Agent, known: Agent | None) -> list[Event]:
        def event(kind: EventKind, actor: Actor, reason: Reason, message: str) -> Event:
            return Event(kind, agent.registered_at_ms, actor, agent.agent_id, reason=reason, message=message)

        where = f"at {agent.endpoint}" if agent.endpoint else "without an endpoint"
        events = [event(EventKind.AGENT_REGISTERED, Actor.AGENT, Reason.REGISTERED, f"host {agent.hostname} {where}")]
        events += self._hosts.events(agent.agent_id, known, agent.host, agent.registered_at_ms)
        if known is None:
            return events
        if known.status is not AgentStatus.HEALTHY:
            events.append(recovery_event(agent, known))
        elif known.instance_id != agent.instance_id:
            message = f"a newer process on {agent.hostname} took over from the one on {known.hostname}"
            events.append(event(EventKind.AGENT_SUPERSEDED, Actor.MASTER, Reason.SUPERSEDED, message))
        return events


def _check(agent: Agent) -> None:
    """Check the id and the endpoint. Raises ``InvalidArgument``."""
    name = agent.agent_id
    if not name or len(name) > MAX_NAME_LENGTH or not name.isprintable() or any(c.isspace() or c == "/" for c in name):
        raise InvalidArgument(
            f"invalid agent_id {name[:MAX_NAME_LENGTH]!r}",
            reason=Reason.INVALID_ARGUMENT,
            hint=f"Use 1 to {MAX_NAME_LENGTH} printable characters without spaces or slashes",
        )
    if agent.endpoint:
        _, port = parse_host_port(agent.endpoint)
        if port == 0:
            raise InvalidArgument(
                f"agent_endpoint {agent.endpoint!r} has port 0",
                reason=Reason.INVALID_ARGUMENT,
                hint="Send the port that the agent listens on",
            )
