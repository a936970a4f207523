"""Makes events of what agents report of their hosts, and remembers each host's state, so that none flaps."""

from __future__ import annotations

import threading

from sutra_grid.core.agent.host_changes import (
    host_events,
    is_disk_low,
    is_disk_still_low,
    low_other_disks,
    other_disk_events,
    other_disks_still_low,
)
from sutra_grid.core.samples import HostSample
from sutra_grid.core.types import Agent, Event
from sutra_grid.master.membership.refusals import HostRefusals


class HostWatch:
    """Thread-safe. Knows the agents that reported since the master's start; for others the record counts.

    ``refusals`` knows the hosts that were refused.
    """

    def __init__(self, refusals: HostRefusals) -> None:
        self.refusals = refusals
        self._lock = threading.Lock()
        self._low_disks: dict[str, bool] = {}  # by agent id; guarded by _lock
        self._other_low_disks: dict[str, frozenset[str]] = {}  # paths by agent id; guarded by _lock

    def events(self, agent_id: str, known: Agent | None, host: HostSample | None, at_ms: int) -> list[Event]:
        """The events that follow from a sample. ``known`` is the agent's record from before."""
        with self._lock:
            was_low = self._low_disks.get(agent_id, is_disk_low(known.host if known else None))
            self._low_disks[agent_id] = is_disk_still_low(was_low, host)
            known_low = frozenset(disk.path for disk in low_other_disks(known.host if known else None))
            were_low = self._other_low_disks.get(agent_id, known_low)
            self._other_low_disks[agent_id] = other_disks_still_low(were_low, host)
            return [*host_events(agent_id, was_low, host, at_ms), *other_disk_events(agent_id, were_low, host, at_ms)]

    def forget(self, agent_id: str) -> None:
        """Keep nothing for an agent that was removed."""
        with self._lock:
            self._low_disks.pop(agent_id, None)
            self._other_low_disks.pop(agent_id, None)
        self.refusals.forget(agent_id)
