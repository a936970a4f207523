"""A node beside a process that may be its own and is not proved to be. A part of ``core.node.machine``, and as pure.

Nothing is started while that process lives, because two processes in one directory destroy data. It is not signalled
either, because it may be a foreign one. So a stop or a removal is not done before it has ended.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sutra_grid.core.node import transitions
from sutra_grid.core.node.clearing import end_launch
from sutra_grid.core.node.instructions import ArmTimer, LookAtSuspect, TimerName
from sutra_grid.core.node.record import Ending, ExitStatus, Follows, Member, Suspect
from sutra_grid.core.node.step import NodeStep
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Reason

LOOK_SECONDS: Final = 2.0  # between two looks at the process: one read each


def block(work: NodeStep, suspect: Suspect) -> None:
    """Wait for the end of the suspect."""
    work.move(transitions.blocked(work.record, suspect))
    work.do(ArmTimer(TimerName.LOOK, LOOK_SECONDS))


def look_now(work: NodeStep) -> None:
    """The desired state has changed: look at once."""
    work.do(LookAtSuspect())


def on_suspect_seen(work: NodeStep, suspect: Suspect | None, leftovers: tuple[Member, ...]) -> None:
    """Go on as desired when nothing is left that may be the node's process; else look again later."""
    record = work.record
    if record.phase is not Phase.BLOCKED:
        raise work.illegal("a look at an unproved process")
    if suspect is not None:
        work.record = replace(record, suspect=suspect.identity, message=suspect.message)
        work.do(ArmTimer(TimerName.LOOK, LOOK_SECONDS))
        return
    pid = record.suspect.pid if record.suspect else 0
    if record.suspect and record.suspect.launch:  # it was in the journal as the node's own
        work.record_exit(ExitStatus(), Reason.LOST, lived_seconds=0.0)
    if not record.assignment.generation:  # its journal is lost: only the master knows what it should be
        message = f"the unproved process {pid} has ended; waits for the master's assignment"
        work.move(transitions.failed(replace(work.record, suspect=None), Reason.JOURNAL_CORRUPT, message))
        return
    if work.should_run:
        follows, reason, message = (
            Follows.LAUNCH,
            Reason.RECOVERED,
            f"started after the unproved process {pid} had ended",
        )
    else:
        message = f"stopped by command; the unproved process {pid} has ended by itself"
        follows, reason = Follows.STOP, Reason.COMMANDED
    end_launch(work, Ending(work.now.monotonic, follows, message, reason), leftovers)
