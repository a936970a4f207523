"""What an agent knows of one node. ``NodeRecord`` is the durable part: exactly what the journal holds.

Values only; ``core.node.machine`` has the decisions. Times named ``*_at`` are seconds of the
system-wide monotonic clock (the same in every process of one boot, which is why a
record may hold them across an agent's restart); ``*_at_ms`` is wall time for people.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment, Desired, Health, NodeExit, NodeSpec, Reason

MAX_EXITS = 5
MAX_HISTORY = 12
MAX_MEMBERS: Final = 64  # members that a record names; a fork bomb has more, and every look finds them again
NAMED_MEMBERS: Final = 5  # in a message


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """Identifies one process on one boot of one host.

    ``start_ticks``: field 22 of ``/proc/PID/stat``, which no clock change moves; 0 when it could not be read.
    ``launch``: the number of the launch, carried in the process's environment.
    """

    boot_id: str
    pid: int
    start_ticks: int
    launch: int


@dataclass(frozen=True, slots=True)
class Suspect:
    """A live process that may be the node's, and that is not proved to be.

    ``identity.launch`` is 0 unless the journal has this identity and only its start time can't be read now.
    ``message`` says what it looks like, why it is not proved, and what to do.
    """

    identity: ProcessIdentity
    message: str


@dataclass(frozen=True, slots=True)
class Member:
    """A process of a launch beside its leader. ``start_ticks`` as in ``ProcessIdentity``.

    ``obstacle``: why the agent can't end it; empty as far as nothing hinders.
    """

    pid: int
    start_ticks: int
    name: str
    obstacle: str = ""

    @property
    def key(self) -> tuple[int, int]:
        """What no other process of this boot has: pid and start time."""
        return self.pid, self.start_ticks

    def __str__(self) -> str:
        return f"{self.pid} ({self.name})"


def member_names(members: Sequence[Member]) -> str:
    """The members for a message: ``12 (sh), 13 (sleep)``, at most five of them."""
    more = len(members) - NAMED_MEMBERS
    named = ", ".join(str(member) for member in members[:NAMED_MEMBERS])
    return f"{named} and {more} more" if more > 0 else named


class Follows(StrEnum):
    """What a node does after the last member of its launch has ended. One that shall not run is stopped in any case."""

    COMMAND = "command"  # start again, because a command has ended or restarted it
    POLICY = "policy"  # what the restart policy decides
    RESTART = "restart"  # start again at once
    LAUNCH = "launch"  # start at once, for a reason that is no end
    STOP = "stop"  # nothing: it shall not run
    WAIT = "wait"  # the rest of its back-off
    FAIL = "fail"  # stay failed


@dataclass(frozen=True, slots=True)
class Ending:
    """How a launch has ended, and what follows when none of its members is left.

    ``at``: the monotonic second. ``cause``: in words. ``reason``: of what follows. ``gives_up_for`` and
    ``ready_seconds`` are for the restart policy. ``timed_out``: the leader outlived its grace.
    """

    at: float
    follows: Follows
    cause: str
    reason: Reason = Reason.NONE
    gives_up_for: Reason = Reason.NONE
    ready_seconds: float = 0.0
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a process ended. ``code`` is None after a signal, or when the exit status is unknown (then signal is 0)."""

    code: int | None = None
    signal: int = 0

    @property
    def known(self) -> bool:
        """False for a process that was not a child of the agent: its parent got the exit status."""
        return self.code is not None or self.signal != 0

    def description(self) -> str:
        """A message about the process: ``exited with code 3``, ``was ended by signal 9 (SIGKILL)``."""
        if self.signal:
            return f"was ended by signal {self.signal} ({signal_name(self.signal)})"
        if self.code is None:
            return "ended with an unknown exit status"
        return f"exited with code {self.code}"


def signal_name(number: int) -> str:
    """``SIGTERM`` for 15; the number itself for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """The durable part: it is on disk before any instruction that follows from it is carried out.

    ``launches`` counts the launches. The number is journaled before the process starts, and is in its
    environment: so a process is found again even if the agent died before it journaled the identity.
    ``launch_generation`` is the assignment's generation that the process was started for. ``relaunch``: the
    next launch counts as a restart. ``stop_cause``: why the agent by itself is stopping the process, to start it again.
    ``end_cause``: why the last process ended or did not start, in words, until the next start. ``suspect``: the process
    that blocks the node, in phase blocked. ``grace_ends_at``: when what is being stopped gets SIGKILL. ``ending``,
    ``leftovers``: how the launch has ended, and which members were left, while they are ended. ``killed``: members that
    got SIGKILL since the last start.
    ``oom_kills``: processes that the kernel killed for lack of memory since the node was created;
    ``launch_oom_kills``: those of the last launch, which were told.
    ``listen_host``: the IP address that the newest launch was told to listen on; empty for one of an older version.
    ``tls``: whether the newest launch serves with a certificate of the node.
    ``endpoint``: where the process was seen to answer; ``endpoint_problem``: why there is none, in words.
    ``unstable``: the process crashed, and none was ready for long enough since to be stable. ``stable_at``: when the
    running one is.
    ``state_since_ms``: when what is shown of the phase began; 0 in a record of an older version. ``failing_since_ms``:
    the first failed probe of the unhealthy process, until it passes one.
    ``made_path``: the topmost directory that is made for the node; empty if its directory existed before, and as soon
    as a process of it was ready.
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
    end_cause: str = ""
    suspect: ProcessIdentity | None = None
    oom_kills: int = 0
    launch_oom_kills: int = 0
    listen_host: str = ""
    tls: bool = False
    endpoint: str = ""
    endpoint_problem: str = ""
    grace_ends_at: float = 0.0
    ending: Ending | None = None
    leftovers: tuple[Member, ...] = ()
    killed: tuple[Member, ...] = ()
    unstable: bool = False
    stable_at: float = 0.0
    state_since_ms: int = 0
    failing_since_ms: int = 0
    made_path: str = ""


def fresh_record(assignment: Assignment, spec: NodeSpec, made_path: str = "") -> NodeRecord:
    """The record of a new node, one generation below its first assignment."""
    before = replace(
        assignment, generation=assignment.generation - 1, desired=Desired.STOPPED, restart_generation=0, spec=spec
    )
    return NodeRecord(before, made_path=made_path)


@dataclass(frozen=True, slots=True)
class NodeRuntime:
    """A node in its machine: the record, and what may be lost when the agent ends.

    ``waits``: how often in a row its start failed for a cause that passes by itself.
    """

    record: NodeRecord
    health: Health = Health.UNKNOWN
    health_since_ms: int = 0  # for unhealthy: the first failed probe; 0 while the health is unknown
    first_failure_ms: int = 0  # of the probes that failed in a row
    probe_failures: int = 0
    probe_problem: str = ""  # of the last probe; empty when it passed
    waits: int = 0
    endpoint_failures: int = 0  # looks in a row at a told endpoint that got no answer
    history: tuple[str, ...] = ()

    @property
    def node_id(self) -> str:
        """The node's id."""
        return self.record.assignment.node_id
