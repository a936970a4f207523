"""Finds and signals the members of a node's launch, and keeps with the node what later looks need.

Used by the thread of the executor.
"""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Final

from sutra_grid.agent.os_errors import unread_processes_as_error
from sutra_grid.agent.processes.member_search import LaunchClues
from sutra_grid.agent.supervision.collaborators import Collaborators
from sutra_grid.agent.supervision.node_table import ManagedNode
from sutra_grid.core.errors import GridError
from sutra_grid.core.node.events import MembersSignalled
from sutra_grid.core.node.record import Member
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

_FRESH_SECONDS: Final = 0.5  # a launch this soon after a look that found nothing needs no other look


class MemberKeeper:
    """The members of the launches of one agent's nodes."""

    def __init__(self, collaborators: Collaborators) -> None:
        self._parts = collaborators

    def find(self, node: ManagedNode) -> tuple[Member, ...]:
        """The living members of the node's launches, without the leader.

        Raises ``GridError`` when the processes can't be read now.
        """
        with unread_processes_as_error():
            found = self._parts.members.find(self.clues(node))
        if not found:
            node.cleared_at = self._parts.clock.monotonic()
        return found

    def find_before_launch(self, node: ManagedNode) -> tuple[Member, ...]:
        """What is left of earlier launches; nothing when this is the first one, or was just looked for.

        Raises as ``find``.
        """
        looked_just_now = self._parts.clock.monotonic() - node.cleared_at < _FRESH_SECONDS
        if node.runtime.record.launches <= 1 or (node.cleared_at and looked_just_now):
            return ()
        return self.find(node)

    def look(self, node: ManagedNode) -> tuple[tuple[Member, ...], str]:
        """As ``find``, and why the processes can't be read now; empty when they were."""
        try:
            return self.find(node), ""
        except GridError as error:
            log.warning("members can't be looked for now", node=node.runtime.node_id, error=error)
            return (), error.message

    def signal(self, node: ManagedNode, number: int) -> MembersSignalled:
        """Signal the members that did not get the signal yet; SIGKILL goes to all of them each time."""
        already = set() if number == signal.SIGKILL else node.signalled.setdefault(number, set())
        try:
            signalled = self._parts.members.signal(self.clues(node), number, already)
        except OSError as error:  # a shortage; SIGKILL is repeated, and the looks go on
            log.error("members can't be signalled now", node=node.runtime.node_id, error=error)
            signalled = ()
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
