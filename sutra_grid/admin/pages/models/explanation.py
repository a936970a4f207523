"""Explains the state of a node and the next steps, like ``nodes explain`` on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sutra_grid.admin.commands.nodes import NodeVerb
from sutra_grid.client.descriptions import exit_text, generation_text
from sutra_grid.client.next_steps import Step, grid_does_next, next_step
from sutra_grid.core.age import duration
from sutra_grid.core.text import printable
from sutra_grid.core.types import Desired, NodeStatus
from sutra_grid.wire import grid_pb2 as pb

_NEEDS_START: Final = (NodeStatus.FAILED, NodeStatus.STOPPED)


class Explanation(NamedTuple):
    """``verbs`` are the commands that make sense in this state."""

    reason: str
    endpoint_problem: str
    generation: str
    backoff: str
    exits: Sequence[str]
    log_problem: str
    grid_next: str
    you_next: Step
    verbs: Sequence[NodeVerb]


def explain(node: pb.NodeStatus, agent: pb.AgentRecord | None, now_ms: int) -> Explanation:
    """The explanation of a node as text."""
    return Explanation(
        ": ".join(part for part in (node.reason, printable(node.message)) if part),
        printable(node.endpoint_problem),
        generation_text(node),
        duration(node.backoff_ms / 1000) if node.backoff_ms and not node.pid else "",
        [exit_text(ended, now_ms) for ended in node.exits],
        printable(node.log_problem.message),
        grid_does_next(node, agent),
        next_step(node, agent),
        _verbs(node),
    )


def _verbs(node: pb.NodeStatus) -> list[NodeVerb]:
    if node.desired == Desired.ABSENT:
        return []
    waits = bool(node.backoff_ms) and not node.pid
    verbs = [NodeVerb.START] if node.desired == Desired.STOPPED or node.status in _NEEDS_START or waits else []
    if node.desired == Desired.RUNNING:
        verbs += [NodeVerb.STOP] if verbs else [NodeVerb.RESTART, NodeVerb.STOP]
    return [*verbs, NodeVerb.REMOVE]
