"""Makes the agent the parent of the processes that its launches leave behind, and reaps them.

A process whose parent ends becomes a child of the nearest ancestor that is a subreaper (prctl(2),
``PR_SET_CHILD_SUBREAPER``). Nodes do not inherit this: fork clears it. A system without it gives orphans to the first
process, and then they are found by session, tag and control group only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Collection
from typing import Final

from sutra_grid.agent.processes.member_search import orphans
from sutra_grid.agent.processes.process_table import ProcessTable
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

_PR_SET_CHILD_SUBREAPER: Final = 36  # linux/prctl.h, since Linux 3.4


def become_subreaper() -> bool:
    """Become the parent of all orphans among this process's descendants. False where the system can't."""
    try:
        done = bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        done = False
    if not done:
        log.warning("agent can't become the parent of orphans; those without a tag are not found")
    return done


def reap_orphans(table: ProcessTable, launched: Collection[int]) -> list[int]:
    """Reap the orphans of a snapshot that have ended. Returns their pids.

    ``launched``: the pids of processes that this agent started and has not reaped; each waits for its own owner. Call
    it in the thread that starts processes, so that none is started meanwhile.
    """
    ended = [one.pid for one in orphans(table) if not one.is_alive and one.pid not in launched]
    for pid in ended:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    return ended
