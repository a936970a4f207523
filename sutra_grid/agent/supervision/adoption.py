"""What to take over at the agent's start: each journal entry with the process that belongs to it.

Pure decisions over what the journal told and which own processes live; the executor
attaches and proves. A process is a candidate only if it carries this state
directory's mark; nothing else is even looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sutra_grid.agent.processes.proof import FoundProcess
from sutra_grid.agent.state.journal import JournalEntry
from sutra_grid.core.node.record import NodeRecord, ProcessIdentity
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment, Desired, Reason


@dataclass(frozen=True, slots=True)
class RecoveryPlan:
    """A node to recover: its record in phase recovering, the phase before, and whom to attach first."""

    record: NodeRecord
    was: Phase
    candidates: tuple[ProcessIdentity, ...]
    rebooted: bool = False


def plan_recoveries(entries: Sequence[JournalEntry], found: Sequence[FoundProcess]) -> list[RecoveryPlan]:
    """One recovery for each entry that may be touched, and for each process that has no entry."""
    known = {entry.node_id for entry in entries}
    strays = {process.node_id for process in found} - known
    lost = [JournalEntry(node_id, None, damage="its journal was missing") for node_id in sorted(strays)]
    mine = [entry for entry in (*entries, *lost) if not entry.newer]
    return [_recovery(entry, [one for one in found if one.node_id == entry.node_id]) for entry in mine]


def _recovery(entry: JournalEntry, found: Sequence[FoundProcess]) -> RecoveryPlan:
    if entry.record is None:
        return _without_record(entry, found)
    record = entry.record
    if entry.damage:
        record = replace(record, reason=Reason.JOURNAL_CORRUPT, message=entry.damage)
    return RecoveryPlan(
        record=replace(record, phase=Phase.RECOVERING),
        was=record.phase,
        candidates=tuple(_candidates(record, (one.identity for one in found))),
        rebooted=entry.rebooted,
    )


def _candidates(record: NodeRecord, found: Iterable[ProcessIdentity]) -> Iterable[ProcessIdentity]:
    """The journaled process first; else one whose launch the journal could not tell the end of.

    An end of launch n that is journaled means that whatever still carries its tag is
    not the node but something that it left behind.
    """
    if record.process is not None:
        yield record.process
    launching = record.phase is Phase.LAUNCHING
    first_open = record.launches if launching else record.launches + 1
    for identity in found:
        if identity.launch >= first_open:
            yield identity
        elif identity.launch == 0 and launching:  # only its output shows whose it is
            yield replace(identity, launch=record.launches)


def _without_record(entry: JournalEntry, found: Sequence[FoundProcess]) -> RecoveryPlan:
    """Nothing is known but the node's name and perhaps its process: keep it, at generation 0.

    Generation 0 makes the master send its assignment; until then nothing is started or stopped.
    """
    process = found[0] if found else None
    assignment = Assignment(entry.node_id, 0, Desired.RUNNING)
    record = NodeRecord(
        assignment=replace(assignment, spec=process.spec) if process else assignment,
        phase=Phase.RECOVERING,
        reason=Reason.JOURNAL_CORRUPT,
        message=entry.damage,
        launch_generation=process.generation if process else 0,
    )
    return RecoveryPlan(record, Phase.FAILED, (process.identity,) if process else ())
