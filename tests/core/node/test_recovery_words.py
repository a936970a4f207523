"""What a node's message says after the agent's start, when nothing has changed meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sutra_grid.core.node.events import Now, Recovered
from sutra_grid.core.node.machine import step
from sutra_grid.core.node.record import Member, NodeRecord, NodeRuntime, fresh_record
from sutra_grid.core.node.rules import NodeRules
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment, Desired, NodeSpec, Reason

TOLD = "stopped by command; 1 other process of its launch was killed with SIGKILL: 12 (worker)"


def ended(phase: Phase, desired: Desired) -> NodeRecord:
    """A node whose last end needed a SIGKILL for a member, as the journal has it."""
    spec = NodeSpec("redis", 50051, "/data/node-1", 64)
    assignment = Assignment("node-1", 1, desired, spec)
    record = replace(fresh_record(assignment, spec), assignment=assignment, phase=phase, resume_at=2000.0)
    return replace(record, reason=Reason.STOP_TIMEOUT, message=TOLD, killed=(Member(12, 1, "worker"),))


@pytest.mark.parametrize(
    ("phase", "desired"),
    [(Phase.STOPPED, Desired.STOPPED), (Phase.FAILED, Desired.RUNNING), (Phase.WAITING, Desired.RUNNING)],
)
def test_what_had_to_be_killed_is_told_once(phase: Phase, desired: Desired) -> None:
    record = ended(phase, desired)
    for _ in range(3):
        node = NodeRuntime(replace(record, phase=Phase.RECOVERING))
        record = step(node, Recovered(phase, None), Now(1000.0, 1000), NodeRules())[0].record
        assert record.phase is phase
        assert record.message.count("was killed with SIGKILL") == 1, record.message
