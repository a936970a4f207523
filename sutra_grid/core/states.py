"""Transition tables: which state may follow which, one table per state machine.

The table class, and the table of a node's process. The table of an agent's status is in ``core.agent.liveness``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from sutra_grid.core.errors import Internal
from sutra_grid.core.types import NodeState

S = TypeVar("S", bound=StrEnum)


class IllegalTransition(Internal):
    """A state machine was asked for a transition that its table does not have: a fault of the program."""


class Transitions(Generic[S]):
    """The table of one state machine. Every state has a row, a final one too."""

    def __init__(self, machine: str, table: Mapping[S, Iterable[S]]) -> None:
        self.machine = machine
        self._table: dict[S, frozenset[S]] = {state: frozenset(after) for state, after in table.items()}

    def allows(self, before: S, after: S) -> bool:
        """Whether ``after`` may follow ``before``."""
        return after in self._table[before]

    def check(self, before: S, after: S, history: Iterable[str] = ()) -> None:
        """Raise ``IllegalTransition`` with the machine's recent ``history`` unless ``after`` may follow ``before``."""
        if self.allows(before, after):
            return
        allowed = ", ".join(sorted(self._table[before])) or "nothing"
        raise IllegalTransition(
            f"{self.machine}: {after} can't follow {before} (allowed: {allowed}); "
            f"recent history: {'; '.join(history) or 'none'}"
        )

    def rows(self) -> Mapping[S, frozenset[S]]:
        """The table, for documentation and for tests."""
        return dict(self._table)


class Phase(StrEnum):
    """The phase of a node on its host. It is finer than ``NodeState``, which is what is shown."""

    RECOVERING = "recovering"  # read from the journal; its process was not searched for yet
    STOPPED = "stopped"  # no process, as desired
    LAUNCHING = "launching"  # the launch is journaled; no process is known yet
    STARTING = "starting"  # the process runs and has not passed its probe yet
    RUNNING = "running"  # the process runs and was ready once
    STOPPING = "stopping"  # the stop signal was sent, within the grace
    KILLING = "killing"  # SIGKILL was sent
    CLEARING = "clearing"  # the leader has ended; members of its launch are left and are ended
    WAITING = "waiting"  # no process; the back-off until the next launch
    FAILED = "failed"  # no process until somebody starts the node
    BLOCKED = "blocked"  # something lives that may be its process: nothing is started or signalled until it ends
    REMOVED = "removed"  # no process and no journal; final


NODE_TRANSITIONS: Transitions[Phase] = Transitions(
    "node",
    {
        Phase.RECOVERING: set(Phase) - {Phase.RECOVERING},
        Phase.STOPPED: {Phase.LAUNCHING, Phase.REMOVED, Phase.CLEARING},
        Phase.LAUNCHING: {
            Phase.STARTING,
            Phase.WAITING,
            Phase.FAILED,
            Phase.STOPPING,
            Phase.STOPPED,
            Phase.REMOVED,
            Phase.BLOCKED,
            Phase.CLEARING,
        },
        Phase.STARTING: {Phase.RUNNING, Phase.STOPPING, Phase.WAITING, Phase.FAILED, Phase.CLEARING},
        Phase.RUNNING: {Phase.STOPPING, Phase.LAUNCHING, Phase.WAITING, Phase.FAILED, Phase.CLEARING},
        Phase.STOPPING: {
            Phase.KILLING,
            Phase.STOPPED,
            Phase.LAUNCHING,
            Phase.REMOVED,
            Phase.WAITING,
            Phase.FAILED,
            Phase.CLEARING,
        },
        Phase.KILLING: {
            Phase.STOPPED,
            Phase.LAUNCHING,
            Phase.REMOVED,
            Phase.WAITING,
            Phase.FAILED,
            Phase.CLEARING,
        },
        Phase.CLEARING: {Phase.STOPPED, Phase.LAUNCHING, Phase.REMOVED, Phase.WAITING, Phase.FAILED},
        Phase.WAITING: {Phase.LAUNCHING, Phase.STOPPED, Phase.REMOVED, Phase.CLEARING},
        Phase.FAILED: {Phase.LAUNCHING, Phase.STOPPED, Phase.REMOVED, Phase.CLEARING},
        Phase.BLOCKED: {Phase.LAUNCHING, Phase.STOPPED, Phase.REMOVED, Phase.FAILED, Phase.CLEARING},
        Phase.REMOVED: (),
    },
)

#: What is shown of each phase.
SHOWN: Mapping[Phase, NodeState] = {
    Phase.RECOVERING: NodeState.STARTING,
    Phase.STOPPED: NodeState.STOPPED,
    Phase.LAUNCHING: NodeState.STARTING,
    Phase.STARTING: NodeState.STARTING,
    Phase.RUNNING: NodeState.RUNNING,
    Phase.STOPPING: NodeState.STOPPING,
    Phase.KILLING: NodeState.STOPPING,
    Phase.CLEARING: NodeState.STOPPING,
    Phase.WAITING: NodeState.STARTING,
    Phase.FAILED: NodeState.FAILED,
    Phase.BLOCKED: NodeState.FAILED,
    Phase.REMOVED: NodeState.STOPPED,
}


def looks_alike(one: Phase, other: Phase) -> bool:
    """Whether lists show both phases alike. A back-off has a word of its own beside its state."""
    return SHOWN[one] is SHOWN[other] and (one is Phase.WAITING) is (other is Phase.WAITING)
