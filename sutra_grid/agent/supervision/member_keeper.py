"""Finds and signals the members of a node's launch, and keeps with the node what later looks need.

Used by the thread of the executor.
"""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Final

from sutra_grid.agent.processes.member_search import LaunchClues
from sutra_grid.agent.supervision.collaborators import Collaborators
from sutra_grid.agent.supervision.node_table import ManagedNode
from sutra_grid.core.node.events import MembersSignalled
from sutra_grid.core.node.record import Member

_FRESH_SECONDS: Final = 0.5  # a launch this soon after a look that found nothing needs no other look


class MemberKeeper:
    """The members of the launches of one agent's nodes."""

    def __init__(self, collaborators: Collaborators) -> None:
        self._parts = collaborators

    def find(self, node: ManagedNode) -> tuple[Member, ...]:
        """The living members of the node's launches, without the leader."""
        found = self._parts.members.find(self.clues(node))
        if not found:
            node.cleared_at = self._parts.clock.monotonic()
        return found

    def find_before_launch(self, node: ManagedNode) -> tuple[Member, ...]:
        """What is left of earlier launches; nothing when this is the first one, or was just looked for."""
        looked_just_now = self._parts.clock.monotonic() - node.cleared_at < _FRESH_SECONDS
        if node.runtime.record.launches <= 1 or (node.cleared_at and looked_just_now):
            return ()
        return self.find(node)

    def signal(self, node: ManagedNode, number: int) -> MembersSignalled:
        """Signal the members that did not get the signal yet; SIGKILL goes to all of them each time."""
        already = set() if number == signal.SIGKILL else node.signalled.setdefault(number, set())
        signalled = self._parts.members.signal(self.clues(node), number, already)
        return MembersSignalled(node.runtime.record.launches, number, signalled)

    def leader_signalled(self, node: ManagedNode, number: int) -> None:
        """The leader got a signal by itself."""
        if node.leader is not None:
            node.signalled.setdefault(number, set()).add((node.leader.pid, node.leader.start_ticks))

    def clues(self, node: ManagedNode) -> LaunchClues:
        """What identifies the processes of the node's last launch."""
        record = node.runtime.record
        clues = self._parts.planner.clues(record, node.leader, is_watched=node.leader_is_watched)
        return replace(clues, members=tuple(member.key for member in record.leftovers))
