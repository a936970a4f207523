"""Decides which process belongs to which journal entry at the agent's start.

Pure decisions over journal entries and the agent's own live processes; ``recovery`` attaches to the
processes and proves them. Only processes that have the mark of this state directory are considered.
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
    """How to recover a node: its record in phase recovering, its phase before, and the processes to try in order."""

    record: NodeRecord
    phase_before: Phase
    candidates: tuple[ProcessIdentity, ...]
    rebooted: bool = False


def plan_recoveries(entries: Sequence[JournalEntry], found: Sequence[FoundProcess]) -> list[RecoveryPlan]:
    """One plan for each entry of a known format, and one for each process without an entry."""
    known = {entry.node_id for entry in entries}
    unknown = {process.node_id for process in found} - known
    orphans = [JournalEntry(node_id, None, damage="the journal of the node is missing") for node_id in sorted(unknown)]
    usable = [entry for entry in (*entries, *orphans) if not entry.newer]
    return [_recovery(entry, [one for one in found if one.node_id == entry.node_id]) for entry in usable]


def _recovery(entry: JournalEntry, found: Sequence[FoundProcess]) -> RecoveryPlan:
    if entry.record is None:
        return _without_record(entry, found)
    record = entry.record
    if entry.damage:
        record = replace(record, reason=Reason.JOURNAL_CORRUPT, message=entry.damage)
    return RecoveryPlan(
        record=replace(record, phase=Phase.RECOVERING),
        phase_before=record.phase,
        candidates=tuple(_candidates(record, (one.identity for one in found))),
        rebooted=entry.rebooted,
    )


def _candidates(record: NodeRecord, found: Iterable[ProcessIdentity]) -> Iterable[ProcessIdentity]:
    """The journaled process first, then processes of a launch whose end is not in the journal.

    When the journal has the end of a launch, a process with its tag is a leftover and not the node.
    """
    if record.process is not None:
        yield record.process
    launching = record.phase is Phase.LAUNCHING
    first_open = record.launches if launching else record.launches + 1
    for identity in found:
        if identity.launch >= first_open:
            yield identity
        elif identity.launch == 0 and launching:  # only its output identifies it
            yield replace(identity, launch=record.launches)


def _without_record(entry: JournalEntry, found: Sequence[FoundProcess]) -> RecoveryPlan:
    """Keep a node of which only the name and perhaps the process are known, at generation 0.

    Generation 0 makes the master send its assignment. Until then nothing is started or stopped.
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
