"""Judges whether the master reaches an agent, from the looks that it takes. Pure.

One failed look may be a moment of load; two in a row are a finding. The reason says which of the usual causes it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sutra_grid.core.errors import GridError
from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.types import Actor, Agent, Event, Reachability, ReachState, Reason

#: Failed looks in a row until an agent is unreachable.
FAILURES_TO_JUDGE = 2
#: Seconds until the next look at an agent: after a first failure, while it is unreachable, while it is reachable.
AGAIN_SECONDS, UNREACHABLE_SECONDS, REACHABLE_SECONDS = 2.0, 15.0, 60.0

_REMEDIES = {
    Reason.CONNECTION_REFUSED: "Nothing listens there as the master sees it. Check that the agent runs. If it does, "
    "set [agent] listen to an address of the host's network (not 127.0.0.1), and [agent] advertise to the address that "
    "the master reaches",
    Reason.TIMED_OUT: "A firewall or NAT may drop the connection, or the agent hangs. Open the agent's port for the "
    "master, or set [agent] advertise to an address that the master reaches",
    Reason.UNRESOLVABLE_NAME: "Add the name to the master's DNS or /etc/hosts, or set [agent] advertise to an IP "
    "address",
    Reason.WRONG_AGENT: "Two agents advertise one address, or it is another host's. Correct [agent] advertise",
    Reason.UNSUPPORTED: "Another program has this port. Correct [agent] listen and [agent] advertise",
}
_OTHER_REMEDY = (
    "Check that its host and the network between run. If they do, set [agent] advertise to an address that the master "
    "reaches, and open the agent's port for it"
)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: a reason and words, or neither if the agent answered."""

    reason: Reason = Reason.NONE
    message: str = ""

    @property
    def is_reached(self) -> bool:
        """Whether the agent itself answered."""
        return self.reason is Reason.NONE


REACHED = Look()


def look_failed(error: GridError) -> Look:
    """The look whose call failed. An unknown cause counts as unreachable in general."""
    return Look(error.reason if error.reason in _REMEDIES else Reason.AGENT_UNREACHABLE, error.message)


def answered_by(agent: Agent, agent_id: str, hostname: str, host_id: str = "") -> Look:
    """The look that was answered by the agent ``agent_id``. An older agent tells no host id."""
    if agent_id == agent.agent_id:
        if not (host_id and agent.host_id) or host_id == agent.host_id:
            return REACHED
        there = f"on host {hostname} (host id {host_id}; this one has {agent.host_id})"
        return Look(Reason.WRONG_AGENT, f"another agent {agent_id} {there} answers at {agent.endpoint}")
    there = f" on host {hostname}" if hostname else ""
    return Look(Reason.WRONG_AGENT, f"agent {agent_id}{there} answers at {agent.endpoint}")


def judge(known: Reachability, look: Look, failures: int, now_ms: int) -> Reachability:
    """What is known after ``look``, the ``failures``-th failed one in a row.

    A single failure changes nothing, but an answer of somebody else is a finding.
    """
    if look.is_reached:
        return known if known.state is ReachState.REACHABLE else Reachability(ReachState.REACHABLE, since_ms=now_ms)
    if known.state is not ReachState.UNREACHABLE:
        if failures < FAILURES_TO_JUDGE and look.reason is not Reason.WRONG_AGENT:
            return known
        return Reachability(ReachState.UNREACHABLE, look.reason, look.message, now_ms)
    return replace(known, reason=look.reason, message=look.message)


def seconds_until_next(after: Reachability, failures: int) -> float:
    """When to look again."""
    if after.state is ReachState.UNREACHABLE:
        return UNREACHABLE_SECONDS
    return AGAIN_SECONDS if failures else REACHABLE_SECONDS


def reachability_event(agent: Agent, before: Reachability, after: Reachability, now_ms: int) -> Event | None:
    """The event of a change of the state. None: it is as before but for the cause, or reached at the first look."""
    if after.state is ReachState.UNREACHABLE and before.state is not ReachState.UNREACHABLE:
        message = f"the master can't call it back at {agent.endpoint}: {after.message}. {remedy(after.reason)}"
        return Event(
            EventKind.AGENT_UNREACHABLE, now_ms, Actor.MASTER, agent.agent_id, reason=after.reason, message=message
        )
    if after.state is ReachState.REACHABLE and before.state is ReachState.UNREACHABLE:
        message = f"the master reaches it at {agent.endpoint}"
        return Event(
            EventKind.AGENT_REACHABLE, now_ms, Actor.MASTER, agent.agent_id, reason=Reason.RECOVERED, message=message
        )
    return None


def remedy(reason: str) -> str:
    """What to do about an agent that can't be called back for that reason."""
    return next((text for known, text in _REMEDIES.items() if known == reason), _OTHER_REMEDY)
