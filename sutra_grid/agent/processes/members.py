"""Which processes of a snapshot are members of a launch: all that descend from its leader. Pure.

A program forks, its children call setsid, and their parents end. So no single fact finds all members. They are found
by session, process group, parenthood, the tag in their environment and the launch's control group together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
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
    if leader is not None and not _pid_is_unused(table, leader):
        never = {*never, leader.pid}  # another process has it now, which is no member whatever its environment says
    pending = list(_roots(table, leader, evidence))
    members: dict[int, ProcessEntry] = {}
    while pending:
        entry = pending.pop()
        if entry.is_alive and entry.pid not in never and entry.pid not in members:
            members[entry.pid] = entry
            pending += table.related(entry.pid)
    first = leader.pid if leader is not None else 0
    return tuple(sorted(members.values(), key=lambda entry: (entry.pid != first, entry.start_ticks, entry.pid)))


def _roots(table: ProcessTable, leader: ProcessIdentity | None, evidence: Evidence) -> Iterator[ProcessEntry]:
    """The processes that are members by themselves, without regard to their parents."""
    keys = [*evidence.known, *([(leader.pid, leader.start_ticks)] if leader is not None else [])]
    for pid, start_ticks in keys:
        entry = table.find(pid)
        if entry is not None and entry.start_ticks == start_ticks:
            yield entry
    for pid in (*evidence.grouped, *evidence.tagged, *evidence.orphaned):
        entry = table.find(pid)
        if entry is not None:
            yield entry
    if leader is not None and evidence.session_is_proved and _pid_is_unused(table, leader):
        yield from (entry for entry in table.related(leader.pid) if leader.pid in (entry.session, entry.group))


def _pid_is_unused(table: ProcessTable, leader: ProcessIdentity) -> bool:
    """Whether no other process has the leader's pid. The kernel keeps a pid while a session or group has its number."""
    entry = table.find(leader.pid)
    return entry is None or entry.start_ticks == leader.start_ticks
