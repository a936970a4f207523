"""What can happen to a node: the inputs of its machine (``core.node.machine``)."""

from __future__ import annotations

from dataclasses import dataclass

from sutra_grid.core.node.instructions import TimerName
from sutra_grid.core.node.record import ExitStatus, ProcessIdentity
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment, Reason


@dataclass(frozen=True, slots=True)
class Now:
    """The moment of an event: monotonic seconds, wall milliseconds, and a chance in [0, 1)."""

    monotonic: float
    wall_ms: int
    chance: float = 0.5


@dataclass(frozen=True, slots=True)
class OomKill:
    """A process was killed by the kernel for want of memory.

    ``over_limit``: of the node, as far as can be told; else the host's. ``words`` follow "the process".
    """

    over_limit: bool
    words: str


@dataclass(frozen=True, slots=True)
class Assigned:
    """The master's newest wish, by call or heartbeat. An old generation changes nothing."""

    assignment: Assignment


@dataclass(frozen=True, slots=True)
class Launched:
    """The process was started."""

    process: ProcessIdentity


@dataclass(frozen=True, slots=True)
class LaunchFailed:
    """No process came of a launch."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Exited:
    """The process of launch number ``launch`` ended and is reaped. ``oom``: the kernel killed it for want of memory."""

    launch: int
    status: ExitStatus
    oom: OomKill | None = None


@dataclass(frozen=True, slots=True)
class ProbePassed:
    """The process of launch number ``launch`` answered."""

    launch: int


@dataclass(frozen=True, slots=True)
class ProbeFailed:
    """The process of launch number ``launch`` did not answer; ``message`` says how."""

    launch: int
    message: str


@dataclass(frozen=True, slots=True)
class MemoryExceeded:
    """The process of launch number ``launch`` uses more memory than it may; ``message`` says how much."""

    launch: int
    message: str


@dataclass(frozen=True, slots=True)
class TimerDue:
    """A timer that was armed ran out."""

    timer: TimerName


@dataclass(frozen=True, slots=True)
class Recovered:
    """After the agent's start: ``process`` is the node's own if one was found, None otherwise.

    ``was`` is the phase that the journal told; ``rebooted``: the host started anew since then;
    ``oom``: the journaled process was killed meanwhile.
    """

    was: Phase
    process: ProcessIdentity | None
    rebooted: bool = False
    oom: OomKill | None = None


NodeEvent = (
    Assigned | Launched | LaunchFailed | Exited | ProbePassed | ProbeFailed | MemoryExceeded | TimerDue | Recovered
)
