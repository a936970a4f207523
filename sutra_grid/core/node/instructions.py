"""What the agent does for a node, in order: the outputs of its state machine (``core.node.machine``)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TimerName(StrEnum):
    """Timers of a node; each runs at most once at a time, and all end with the phase."""

    BACK_OFF = "back_off"
    SETTLE = "settle"
    PROBE = "probe"
    UNHEALTHY = "unhealthy"
    START_TIMEOUT = "start_timeout"
    STABLE = "stable"
    GRACE = "grace"
    REAP = "reap"
    LOOK = "look"


@dataclass(frozen=True, slots=True)
class WriteJournal:
    """Make the record durable. If this fails, a ``Launch`` after it must not be carried out."""


@dataclass(frozen=True, slots=True)
class DeleteJournal:
    """The node is removed: delete its journal."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Start the process; answered by ``Launched``, ``LaunchFailed``, ``LaunchBlocked`` or ``MembersFound``."""


@dataclass(frozen=True, slots=True)
class LookAtSuspect:
    """Look whether the process that blocks the node still lives; answered by ``SuspectSeen``."""


@dataclass(frozen=True, slots=True)
class SendSignal:
    """Signal the leader of the launch."""

    signal: int


@dataclass(frozen=True, slots=True)
class SignalMembers:
    """Signal every member of the launch, the leader too; answered by ``MembersSignalled``.

    SIGKILL goes to all of them each time, another signal only to those that did not get it in this launch.
    """

    signal: int


@dataclass(frozen=True, slots=True)
class LookForMembers:
    """Look for members that live; answered by ``MembersFound``."""


@dataclass(frozen=True, slots=True)
class RunProbe:
    """Probe the process once and look at its endpoint.

    Answered by ``ProbePassed``, ``ProbeFailed`` or ``ProbeNotMade``.
    """


@dataclass(frozen=True, slots=True)
class ArmTimer:
    """Answered by ``TimerDue`` after ``seconds``, unless the timers are cancelled before."""

    timer: TimerName
    seconds: float


@dataclass(frozen=True, slots=True)
class CancelTimers:
    """Disarm all of the node's timers."""


Instruction = (
    WriteJournal
    | DeleteJournal
    | Launch
    | LookAtSuspect
    | SendSignal
    | SignalMembers
    | LookForMembers
    | RunProbe
    | ArmTimer
    | CancelTimers
)
