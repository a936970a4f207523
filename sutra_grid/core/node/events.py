"""What can happen to a node: the inputs of its state machine (``core.node.machine``)."""

from __future__ import annotations

from dataclasses import dataclass

from sutra_grid.core.node.instructions import TimerName
from sutra_grid.core.node.record import ExitStatus, Member, ProcessIdentity, Suspect
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment, Reason


@dataclass(frozen=True, slots=True)
class Now:
    """The time of an event in monotonic seconds and wall-clock milliseconds, and a random number in [0, 1)."""

    monotonic: float
    wall_ms: int
    chance: float = 0.5


@dataclass(frozen=True, slots=True)
class OomKill:
    """The kernel killed ``count`` processes of a launch because memory ran out, and that was not told yet.

    ``over_limit``: the node was over its limit, as far as is known; else the host had no memory left.
    ``description`` follows "the process" in a message.
    """

    over_limit: bool
    description: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a launch of the node would fail now."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Assigned:
    """The newest assignment, by a call or a heartbeat. An older generation changes nothing.

    ``leftovers``: members of the node's launches that live, when it shall not run and has no process. ``obstacle`` is
    looked for when the assignment restarts a live process: with one, the process is left alone.
    """

    assignment: Assignment
    leftovers: tuple[Member, ...] = ()
    obstacle: Obstacle | None = None


@dataclass(frozen=True, slots=True)
class Launched:
    """The process was started."""

    process: ProcessIdentity


@dataclass(frozen=True, slots=True)
class LaunchFailed:
    """A launch failed: there is no process. ``passes``: the cause passes by itself, so the node is never given up."""

    reason: Reason
    message: str
    passes: bool = False


@dataclass(frozen=True, slots=True)
class LaunchBlocked:
    """A launch was not made, because something lives that may be the node's process."""

    suspect: Suspect


@dataclass(frozen=True, slots=True)
class SuspectSeen:
    """A blocked node was looked at: what still may be its process; None when there is nothing more.

    ``leftovers``: members of the node's launches that live without it.
    """

    suspect: Suspect | None
    leftovers: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class Exited:
    """The leader of launch number ``launch`` ended and was reaped. ``oom``: if the kernel killed it for memory.

    ``leftovers``: the members of the launch that live. ``unseen``: why they can't be looked for now; empty when they
    were. ``port_problem``: the connection because of which nothing can listen on the node's port right after the exit;
    empty for none.
    """

    launch: int
    status: ExitStatus
    oom: OomKill | None = None
    leftovers: tuple[Member, ...] = ()
    unseen: str = ""
    port_problem: str = ""


@dataclass(frozen=True, slots=True)
class MembersFound:
    """The members of launch number ``launch`` and of earlier ones that live; the leader is none of them.

    ``unseen``: why they can't be looked for now; empty when they were.
    """

    launch: int
    members: tuple[Member, ...]
    unseen: str = ""


@dataclass(frozen=True, slots=True)
class MembersSignalled:
    """The members of launch number ``launch`` that got ``signal``, or could not get it; without the leader."""

    launch: int
    signal: int
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class ProbePassed:
    """The process of launch number ``launch`` passed its probe.

    ``endpoint_problem``: why it does not answer at its endpoint, in words; empty when it does.
    """

    launch: int
    endpoint_problem: str = ""


@dataclass(frozen=True, slots=True)
class ProbeFailed:
    """The process of launch number ``launch`` failed its probe; ``message`` says how."""

    launch: int
    message: str


@dataclass(frozen=True, slots=True)
class ProbeNotMade:
    """The agent could not probe the process of launch number ``launch``: it says nothing about the node."""

    launch: int


@dataclass(frozen=True, slots=True)
class MemoryExceeded:
    """The process of launch number ``launch`` uses more memory than its limit; ``message`` says how much."""

    launch: int
    message: str


@dataclass(frozen=True, slots=True)
class MembersOomKilled:
    """The kernel has killed ``count`` processes of launch number ``launch`` so far, and its leader lives on.

    ``why`` says what memory ran out.
    """

    launch: int
    count: int
    why: str


@dataclass(frozen=True, slots=True)
class TimerDue:
    """A timer that was armed is due."""

    timer: TimerName


@dataclass(frozen=True, slots=True)
class Recovered:
    """The agent has started: ``process`` is the node's process if it was found, else None.

    ``was`` is the phase in the journal. ``rebooted``: the host has rebooted since. ``oom``: the kernel killed the
    journaled process meanwhile. ``suspect``: what lives and may be the node's process. If its identity is the journaled
    one, it is not known whether the journaled process lives; in every other case without ``process``, its end was seen,
    and ``why`` says how it was seen. ``leftovers``: members that live although the process does not.
    """

    was: Phase
    process: ProcessIdentity | None
    rebooted: bool = False
    oom: OomKill | None = None
    suspect: Suspect | None = None
    why: str = ""
    leftovers: tuple[Member, ...] = ()


NodeEvent = (
    Assigned
    | Launched
    | LaunchFailed
    | LaunchBlocked
    | SuspectSeen
    | Exited
    | MembersFound
    | MembersSignalled
    | ProbePassed
    | ProbeFailed
    | ProbeNotMade
    | MemoryExceeded
    | MembersOomKilled
    | TimerDue
    | Recovered
)
