"""What the agent knows of one node. ``NodeRecord`` is the durable part: the journal holds exactly this.

Values only; ``core.node.machine`` has the decisions. Times named ``*_at`` are seconds of the
system-wide monotonic clock (the same in every process of one boot, which is why a
record may hold them across an agent's restart); ``*_at_ms`` is wall time for people.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace

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


def signal_name(number: int) -> str:
    """``SIGTERM`` for 15; the number itself for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """The durable part: on disk before anything is done because of it.

    ``launches`` numbers the launches; the number is journaled before the process
    starts and stands in its environment, so that a process whose identity could not
    be journaled any more is found again. ``launch_generation`` is the assignment's
    generation that the process was started for. ``relaunch``: the next launch counts
    as a restart. ``stop_cause``: why the agent by itself is stopping the process, to start it again.
    ``end_cause``: why the last process ended or did not start, in words, until the next start.
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
