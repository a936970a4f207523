"""What the agent knows of one node, what can happen to it, and what can be done for it.

Values only; ``core.node.machine`` has the decisions. ``NodeRecord`` is the durable
part: the journal holds exactly this. Times named ``*_at`` are seconds of the
system-wide monotonic clock (the same in every process of one boot, which is why a
record may hold them across an agent's restart); ``*_at_ms`` is wall time for people.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sutra_grid.core.restart import RestartPolicy
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment, Desired, Health, NodeExit, NodeSpec, Reason

MAX_EXITS = 5
MAX_HISTORY = 12


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """What makes a process this very process and no other, on this boot of this host.

    ``start_ticks``: field 22 of ``/proc/PID/stat``, which no clock change moves.
    ``launch``: the number of the launch, carried in the process's environment.
    """

    boot_id: str
    pid: int
    start_ticks: int
    launch: int


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a process ended. ``code`` is None after a signal, or when nobody could know (then signal is 0)."""

    code: int | None = None
    signal: int = 0

    @property
    def known(self) -> bool:
        """False for a process that was not our child: its code went to its parent."""
        return self.code is not None or self.signal != 0

    def words(self) -> str:
        """For a message: "exited with code 3", "was ended by signal 9 (SIGKILL)"."""
        if self.signal:
            return f"was ended by signal {self.signal} ({signal_name(self.signal)})"
        if self.code is None:
            return "ended with an unknown exit code"
        return f"exited with code {self.code}"


@dataclass(frozen=True, slots=True)
class OomKill:
    """A process was killed by the kernel for want of memory.

    ``over_limit``: of the node, as far as can be told; else the host's. ``words`` follow "the process".
    """

    over_limit: bool
    words: str


def signal_name(number: int) -> str:
    """``SIGTERM`` for 15; the number itself for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


@dataclass(frozen=True, slots=True)
class NodeRules:
    """What the agent's configuration says of nodes of one engine. All times in seconds."""

    restart: RestartPolicy = field(default_factory=RestartPolicy)
    stop_signal: int = signal.SIGTERM
    stop_grace_seconds: float = 10.0
    reap_seconds: float = 10.0  # after SIGKILL, until the node is reported as not killable
    probed: bool = True  # False: ready when alive for settle_seconds
    settle_seconds: float = 1.0
    start_probe_seconds: float = 0.1
    start_timeout_seconds: float = 60.0
    probe_interval_seconds: float = 10.0
    unhealthy_after_failures: int = 3
    restart_unhealthy_after_seconds: float = 0.0  # 0: a hung node is left to a person


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """The durable part: on disk before anything is done because of it.

    ``launches`` numbers the launches; the number is journaled before the process
    starts and stands in its environment, so that a process whose identity could not
    be journaled any more is found again. ``launch_generation`` is the assignment's
    generation that the process was started for. ``relaunch``: the next launch counts
    as a restart. ``stop_cause``: why the agent by itself is stopping the process, to start it again.
    """

    assignment: Assignment
    phase: Phase = Phase.STOPPED
    reason: Reason = Reason.NONE
    message: str = ""
    process: ProcessIdentity | None = None
    launches: int = 0
    launch_generation: int = 0
    launched_at: float = 0.0
    launched_at_ms: int = 0
    ready_at: float | None = None
    resume_at: float = 0.0
    relaunch: bool = False
    restarts: int = 0
    crashes: tuple[float, ...] = ()
    exits: tuple[NodeExit, ...] = ()
    stop_cause: Reason = Reason.NONE


def fresh_record(assignment: Assignment, spec: NodeSpec) -> NodeRecord:
    """A node that nothing was done for yet: the assignment's generation is still to come."""
    before = replace(
        assignment, generation=assignment.generation - 1, desired=Desired.STOPPED, restart_generation=0, spec=spec
    )
    return NodeRecord(before)


@dataclass(frozen=True, slots=True)
class NodeRuntime:
    """A node as its machine sees it: the record and what need not survive the agent."""

    record: NodeRecord
    health: Health = Health.UNKNOWN
    probe_failures: int = 0
    history: tuple[str, ...] = ()

    @property
    def node_id(self) -> str:
        """The node's name."""
        return self.record.assignment.node_id


@dataclass(frozen=True, slots=True)
class Now:
    """The moment of an event: monotonic seconds, wall milliseconds, and a chance in [0, 1)."""

    monotonic: float
    wall_ms: int
    chance: float = 0.5


class TimerName(StrEnum):
    """Timers of a node; each runs at most once at a time, and all end with the phase."""

    BACK_OFF = "back_off"
    SETTLE = "settle"
    PROBE = "probe"
    UNHEALTHY = "unhealthy"
    START_TIMEOUT = "start_timeout"
    GRACE = "grace"
    REAP = "reap"


# -- events: what happened -----------------------------------------------------


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


# -- instructions: what is to be done, in this order ---------------------------


@dataclass(frozen=True, slots=True)
class WriteJournal:
    """Make the record durable. When this fails, a ``Launch`` behind it must not be done."""


@dataclass(frozen=True, slots=True)
class DeleteJournal:
    """The node is gone; forget it."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Start the process; answered by ``Launched`` or ``LaunchFailed``."""


@dataclass(frozen=True, slots=True)
class SendSignal:
    """Signal the node's process; ``whole_group`` with all that it started."""

    signal: int
    whole_group: bool = False


@dataclass(frozen=True, slots=True)
class RunProbe:
    """Ask the process once; answered by ``ProbePassed`` or ``ProbeFailed``."""


@dataclass(frozen=True, slots=True)
class ArmTimer:
    """Answered by ``TimerDue`` after ``seconds``, unless the timers are cancelled before."""

    timer: TimerName
    seconds: float


@dataclass(frozen=True, slots=True)
class CancelTimers:
    """None of the node's armed timers runs out any more."""


Instruction = WriteJournal | DeleteJournal | Launch | SendSignal | RunProbe | ArmTimer | CancelTimers
