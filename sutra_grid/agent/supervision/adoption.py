"""Decides which process belongs to which journal entry at the agent's start.

Pure decisions over journal entries and the agent's own live processes; ``recovery`` attaches to the
processes and proves them. What is not proved to be launched from this state directory is not considered here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from sutra_grid.agent.processes.proof import FoundProcess
from sutra_grid.agent.state.journal import JournalEntry
from sutra_grid.core.node.record import NodeRecord, ProcessIdentity
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment, Desired, Reason


@dataclass(frozen=True, slots=True)
class RecoveryPlan:
    """How to recover a node: its record in phase recovering, its phase before, and the processes to try in order.

    ``journaled``: the identity that the journal has of the node's process, which is then the first to try.
    """

    record: NodeRecord
    phase_before: Phase
    candidates: tuple[ProcessIdentity, ...]
    rebooted: bool = False
    journaled: ProcessIdentity | None = None


def plan_recoveries(
    entries: Sequence[JournalEntry], found: Sequence[FoundProcess], with_open_logs: Collection[str] = ()
) -> list[RecoveryPlan]:
    """One plan for each entry of a known format, and one for each node without an entry of which something lives.

    ``with_open_logs``: nodes whose logs are open in processes that are not proved to be anybody's.
    """
    known = {entry.node_id for entry in entries}
    unknown = {process.node_id for process in found}.union(with_open_logs) - known
    orphans = [JournalEntry(node_id, None, damage="the journal of the node is missing") for node_id in sorted(unknown)]
    usable = [entry for entry in (*entries, *orphans) if not entry.newer]
    return [_recovery(entry, [one for one in found if one.node_id == entry.node_id]) for entry in usable]


def _recovery(entry: JournalEntry, found: Sequence[FoundProcess]) -> RecoveryPlan:
    if entry.record is None:
        return _without_record(entry, found)
    record = entry.record
    if entry.damage:
        record = replace(record, reason=Reason.JOURNAL_CORRUPT, message=entry.damage)
    journaled = record.process or _journaled_suspect(record)
    return RecoveryPlan(
        record=replace(record, phase=Phase.RECOVERING, process=journaled, suspect=None),
        phase_before=record.phase,
        candidates=tuple(_candidates(record, journaled, (one.identity for one in found))),
        rebooted=entry.rebooted,
        journaled=journaled,
    )


def _journaled_suspect(record: NodeRecord) -> ProcessIdentity | None:
    """The node's own identity, which could not be read at an earlier start of the agent."""
    return record.suspect if record.suspect is not None and record.suspect.launch else None


def _candidates(
    record: NodeRecord, journaled: ProcessIdentity | None, found: Iterable[ProcessIdentity]
) -> Iterable[ProcessIdentity]:
    """The journaled process first, then processes of a launch whose end is not in the journal.

    When the journal has the end of a launch, a process with its tag is a leftover and not the node. A process that
    blocked the node may be proved by now, because the agent's user can read more of it.
    """
    if journaled is not None:
        yield journaled
    first_open = record.launches if record.phase is Phase.LAUNCHING else record.launches + 1
    for identity in found:
        if identity.launch >= first_open or _is_same(identity, record.suspect):
            yield identity


def _is_same(identity: ProcessIdentity, suspect: ProcessIdentity | None) -> bool:
    return suspect is not None and (identity.boot_id, identity.pid, identity.start_ticks) == (
        suspect.boot_id,
        suspect.pid,
        suspect.start_ticks,
    )


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
