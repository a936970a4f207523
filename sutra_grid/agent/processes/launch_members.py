"""What supervision does with the members of a launch: find those that live, and signal them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final, Protocol

from sutra_grid.agent.processes.identity import boot_id
from sutra_grid.agent.processes.member_search import LaunchClues, MemberSearch, ProcessKey, orphans
from sutra_grid.agent.processes.member_signals import Delivery, signal_members
from sutra_grid.agent.processes.orphans import reap_orphans
from sutra_grid.agent.processes.process_table import ProcessEntry
from sutra_grid.core.node.record import Member, signal_name
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.steps import Step, reached

log = get_logger(__name__)

_IN_THE_KERNEL: Final = "the kernel holds it in I/O that can't be interrupted (state D)"
_OBSTACLES: Final = {
    Delivery.DENIED: "it runs as a user whose processes the agent must not signal",
    Delivery.UNKNOWN: "the agent can't look at it now, so it sent nothing",
}


class LaunchMembers(Protocol):
    """The members of launches: on this host, or in a fake of the tests.

    ``find`` and ``signal`` raise ``OSError`` when descriptors or memory run out while the processes are read.
    """

    def find(self, clues: LaunchClues) -> tuple[Member, ...]:
        """The living members of a node's launches without the leader."""
        ...

    def signal(self, clues: LaunchClues, number: int, already: set[ProcessKey]) -> tuple[Member, ...]:
        """Signal all members, also the leader, except those in ``already``, to which the signalled ones are added.

        Returns the members without the leader; their ``obstacle`` says why one could not be signalled.
        """
        ...

    def forget(self, node_id: str) -> None:
        """Drop what was kept of a node that is removed."""
        ...


class NoMembers:
    """A launch is its leader alone."""

    def find(self, clues: LaunchClues) -> tuple[Member, ...]:
        """See ``LaunchMembers``."""
        return ()

    def signal(self, clues: LaunchClues, number: int, already: set[ProcessKey]) -> tuple[Member, ...]:
        """See ``LaunchMembers``."""
        return ()

    def forget(self, node_id: str) -> None:
        """See ``LaunchMembers``."""


class OsLaunchMembers:
    """The members on this host. Used by the thread that starts processes."""

    def __init__(self, search: MemberSearch) -> None:
        self._search = search

    def find(self, clues: LaunchClues) -> tuple[Member, ...]:
        """See ``LaunchMembers``.

        A process that forks and ends while ``/proc`` is read hides its child, as a program does that becomes a daemon.
        So the answer that none is left needs a second look.
        """
        clues = _of_this_boot(clues)
        return self._look(clues) or self._look(clues)

    def signal(self, clues: LaunchClues, number: int, already: set[ProcessKey]) -> tuple[Member, ...]:
        """See ``LaunchMembers``."""
        clues = _of_this_boot(clues)
        signalled = signal_members(lambda: self._search.look().members(clues), number, already=already)
        for one in signalled:
            pid, name = one.entry.pid, one.entry.name
            log.info("signal", node=clues.node_id, pid=pid, name=name, signal=signal_name(number), to=one.delivery)
        if signalled:
            reached(Step.SIGNAL_SENT, signal_name(number))
        return tuple(
            _member(one.entry, _OBSTACLES.get(one.delivery, ""))
            for one in signalled
            if one.delivery is not Delivery.GONE and not _leads(one.entry, clues)
        )

    def forget(self, node_id: str) -> None:
        """See ``LaunchMembers``."""
        self._search.forget(node_id)

    def _look(self, clues: LaunchClues) -> tuple[Member, ...]:
        return tuple(_member(entry) for entry in self._search.look().members(clues) if not _leads(entry, clues))


class OrphanKeeper:
    """Reaps orphans, and tells once of each that belongs to no known launch. Such an orphan is never signalled.

    Used by the thread that starts processes.
    """

    def __init__(self, search: MemberSearch) -> None:
        self._search = search
        self._told: set[ProcessKey] = set()

    def check(self, launched: Collection[int], launches: Collection[LaunchClues]) -> None:
        """``launched``: pids that this agent started and did not reap. ``launches``: those of all nodes."""
        look = self._search.look()
        reap_orphans(look.table, launched)
        alive = [one for one in orphans(look.table) if one.is_alive and one.pid not in launched]
        self._told &= {(one.pid, one.start_ticks) for one in alive}
        fresh = [one for one in alive if (one.pid, one.start_ticks) not in self._told]
        if not fresh:
            return
        known = {member.pid for clues in launches for member in look.members(clues)}
        for one in fresh:
            if one.pid not in known:
                self._told.add((one.pid, one.start_ticks))
                log.warning("orphaned process belongs to no known launch; it is left alone", pid=one.pid, name=one.name)


def _member(entry: ProcessEntry, obstacle: str = "") -> Member:
    return Member(
        entry.pid, entry.start_ticks, entry.name, obstacle or (_IN_THE_KERNEL if entry.is_in_the_kernel else "")
    )


def _of_this_boot(clues: LaunchClues) -> LaunchClues:
    """A leader of an earlier boot has ended, and its pid and start time may be those of another process now."""
    ended = clues.leader is not None and clues.leader.boot_id != boot_id()
    return replace(clues, leader=None) if ended else clues


def _leads(entry: ProcessEntry, clues: LaunchClues) -> bool:
    leader = clues.leader
    return leader is not None and (entry.pid, entry.start_ticks) == (leader.pid, leader.start_ticks)
