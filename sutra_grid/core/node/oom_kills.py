"""Processes of a node that the kernel killed for lack of memory. A part of ``core.node.machine``, and as pure.

Each kill is told once: while the leader lives as the node's reason, else with the exit of the leader.
"""

from __future__ import annotations

from dataclasses import replace

from sutra_grid.core.node.events import MembersOomKilled, OomKill
from sutra_grid.core.node.step import ANSWERS_PROBES, NodeStep
from sutra_grid.core.types import Reason


def on_members_oom_killed(work: NodeStep, event: MembersOomKilled) -> None:
    """Tell of kills that the leader has survived."""
    record = work.record
    new = event.count - record.launch_oom_kills
    if event.launch != record.launches or record.process is None or new <= 0:
        return
    work.record = replace(record, oom_kills=record.oom_kills + new, launch_oom_kills=event.count)
    if record.phase in ANSWERS_PROBES:
        killed = "one of its processes" if new == 1 else f"{new} of its processes"
        work.explain(Reason.OOM_KILLED, f"the kernel killed {killed}: {event.why}; its first process runs on")


def count_at_exit(work: NodeStep, oom: OomKill | None) -> None:
    """Count the kills that the exit of the leader tells."""
    if oom is not None:
        record = work.record
        work.record = replace(
            record,
            oom_kills=record.oom_kills + oom.count,
            launch_oom_kills=record.launch_oom_kills + oom.count,
        )
