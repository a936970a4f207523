"""Sends signals to the members of a launch, one process at a time.

The pidfd of a process is opened first and then proved by the start time. So the signal can't reach another process,
even if the pid is reused. Linux before 6.9 can't signal a process group by a pidfd, so groups are not used at all.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sutra_grid.agent.processes.identity import Presence, look_at
from sutra_grid.agent.processes.process_table import ProcessEntry

_MAX_ROUNDS: Final = 20  # a program that forks faster than it is signalled is left to the next look


class Delivery(StrEnum):
    """What became of a signal."""

    SENT = "sent"
    GONE = "gone"  # the process has ended
    DENIED = "denied"  # the process belongs to another user
    UNKNOWN = "unknown"  # nobody can look now whether the pid is still of that process, so nothing was sent


@dataclass(frozen=True, slots=True)
class SignalledMember:
    """A member that was signalled, or could not be."""

    entry: ProcessEntry
    delivery: Delivery


def signal_process(pid: int, ticks: int, number: int) -> Delivery:
    """Signal the process that has ``pid`` and the start time ``ticks``, and no other one. Does not raise."""
    try:
        return _signal_by_pidfd(pid, ticks, number) if hasattr(os, "pidfd_open") else _signal_by_pid(pid, ticks, number)
    except ProcessLookupError:
        return Delivery.GONE
    except PermissionError:
        return Delivery.DENIED


def signal_members(
    look: Callable[[], Iterable[ProcessEntry]], number: int, *, already: set[tuple[int, int]]
) -> list[SignalledMember]:
    """Signal all members that ``look`` finds, until it finds no other one.

    A member can fork before the signal reaches it. ``already``: pid and start ticks of those that got the signal
    before; they are left out, and the new ones are added. One whose delivery is unknown is not added.
    """
    signalled: list[SignalledMember] = []
    unknown: list[SignalledMember] = []
    for _ in range(_MAX_ROUNDS):
        tried = already | {(one.entry.pid, one.entry.start_ticks) for one in unknown}
        fresh = [entry for entry in look() if (entry.pid, entry.start_ticks) not in tried]
        if not fresh:
            break
        for entry in fresh:
            one = SignalledMember(entry, signal_process(entry.pid, entry.start_ticks, number))
            if one.delivery is Delivery.UNKNOWN:
                unknown.append(one)
            else:
                already.add((entry.pid, entry.start_ticks))
                signalled.append(one)
    return signalled + unknown


def _signal_by_pidfd(pid: int, ticks: int, number: int) -> Delivery:
    try:
        pidfd = os.pidfd_open(pid)
    except (ProcessLookupError, PermissionError):
        raise
    except OSError:  # Linux before 5.3, or no descriptor is left
        return _signal_by_pid(pid, ticks, number)
    try:
        if (found := _hindrance(pid, ticks)) is not None:
            return found
        signal.pidfd_send_signal(pidfd, number)
    finally:
        os.close(pidfd)
    return Delivery.SENT


def _signal_by_pid(pid: int, ticks: int, number: int) -> Delivery:
    if (found := _hindrance(pid, ticks)) is not None:
        return found
    os.kill(pid, number)
    return Delivery.SENT


def _hindrance(pid: int, ticks: int) -> Delivery | None:
    """Why the process that started at ``ticks`` gets no signal; None if it has the pid now."""
    look = look_at(pid)
    if look.presence is Presence.UNKNOWN:
        return Delivery.UNKNOWN
    return None if look.presence is Presence.ALIVE and look.start_ticks == ticks else Delivery.GONE
