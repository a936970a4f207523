"""Which processes of a snapshot are members of a launch: all that descend from its leader. Pure.

A program forks, its children call setsid, and their parents end. So no single fact finds all members. They are found
by session, process group, parenthood, the tag in their environment and the launch's control group together.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sutra_grid.agent.processes.process_table import ProcessEntry, ProcessTable
from sutra_grid.core.node.record import ProcessIdentity


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a launch beside its leader.

    ``grouped``: pids in the launch's control group. ``tagged``: pids with the launch's tag in their environment.
    ``orphaned``: children of the agent that it did not start, and that use the node's log or directory.
    ``known``: members of an earlier snapshot. ``session_is_proved``: the caller knows that the leader's pid was not
    given to another process since the leader ended, because it has watched the leader until now.
    """

    grouped: Collection[int] = ()
    tagged: Collection[int] = ()
    orphaned: Collection[int] = ()
    known: Collection[tuple[int, int]] = ()  # pid and start ticks
    session_is_proved: bool = True


def launch_members(
    table: ProcessTable, leader: ProcessIdentity | None, evidence: Evidence, *, never: Collection[int] = ()
) -> tuple[ProcessEntry, ...]:
    """The living members of a launch, the leader first if it lives, then by start time.

    ``leader``: None when the agent never learned which process it was. ``never``: pids that are no members whatever
    the evidence says, such as the agent's own and its ancestors'.
    """
    candidates = {entry.pid: entry for entry in table.alive() if entry.pid not in never}
    members = {pid for pid, entry in candidates.items() if _is_root(entry, leader, evidence)}
    if leader is not None and evidence.session_is_proved and _pid_is_unused(table, leader):
        members |= {pid for pid, entry in candidates.items() if leader.pid in (entry.session, entry.group)}
    while more := {pid for pid, entry in candidates.items() if pid not in members and _belongs(entry, members)}:
        members |= more
    found = (candidates[pid] for pid in members)
    first = leader.pid if leader is not None else 0
    return tuple(sorted(found, key=lambda entry: (entry.pid != first, entry.start_ticks, entry.pid)))


def _is_root(entry: ProcessEntry, leader: ProcessIdentity | None, evidence: Evidence) -> bool:
    """Whether a process is a member by itself, without regard to its parent."""
    leads = leader is not None and (entry.pid, entry.start_ticks) == (leader.pid, leader.start_ticks)
    return (
        leads
        or entry.pid in evidence.grouped
        or entry.pid in evidence.tagged
        or entry.pid in evidence.orphaned
        or (entry.pid, entry.start_ticks) in evidence.known
    )


def _pid_is_unused(table: ProcessTable, leader: ProcessIdentity) -> bool:
    """Whether no other process has the leader's pid. The kernel keeps a pid while a session or group has its number."""
    entry = table.find(leader.pid)
    return entry is None or entry.start_ticks == leader.start_ticks


def _belongs(entry: ProcessEntry, members: Collection[int]) -> bool:
    """Whether a member is the parent of a process, or leads its session or process group."""
    return entry.parent in members or entry.session in members or entry.group in members
