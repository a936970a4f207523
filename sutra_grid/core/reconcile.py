"""Compares the desired state of one node with its agent's report, and decides what the master does.

Pure. One decision per node: an enumerated action with its reason in words; the caller acts. The rule behind the table:
the newer generation wins, and no node is stopped because a database lost it. Only a row or a tombstone that is at
least as new as the report may stop a node.

=================  =========================  ==================================================
registry           agent reports              action
=================  =========================  ==================================================
row                older generation           assign (the row)
row                newer generation           follow (the row becomes what the agent has)
row, same desired  same generation            nothing, or resolve (store the filled-in spec)
row, other desired same generation            reassert (raise the row's generation, then assign)
row, absent        not listed, or as gone     tombstone
row, else          not listed                 assign
row of other agent same host, any generation  take over (the host's agent was renamed)
row of other agent other host                 foreign (never touched; shown to a person)
tombstone          same or older generation   assign_absent, one above the tombstone
tombstone          newer, absent              nothing (it is being removed)
tombstone          newer, else                take over (the registry is older)
nothing            absent                     nothing
nothing            else                       take over
=================  =========================  ==================================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from sutra_grid.core.types import Assignment, Desired, Health, Node, NodeReport, NodeState, Reason


class Action(StrEnum):
    """What the master does about a node."""

    NOTHING = "nothing"
    ASSIGN = "assign"
    ASSIGN_ABSENT = "assign_absent"
    TAKE_OVER = "take_over"
    FOLLOW = "follow"
    RESOLVE = "resolve"
    REASSERT = "reassert"
    TOMBSTONE = "tombstone"
    FOREIGN = "foreign"


#: Actions that need the registry; the others are answered from memory.
WRITES = frozenset({Action.TAKE_OVER, Action.FOLLOW, Action.RESOLVE, Action.REASSERT, Action.TOMBSTONE})


@dataclass(frozen=True, slots=True)
class Decision:
    """An action, its assignment if there is one, and the reason in words."""

    action: Action
    why: str = ""
    assignment: Assignment | None = None


NOTHING = Decision(Action.NOTHING)


def decide_reported(
    agent_id: str, report: NodeReport, node: Node | None, tombstone: int | None, *, owner_on_same_host: bool = False
) -> Decision:
    """Decide on a node that the agent lists.

    ``tombstone`` is the generation at which the node was removed, or None.
    ``owner_on_same_host`` matters for a row of another agent only: both agents have the same
    host identity, which one state directory gives to one agent process at a time.
    """
    if node is None:
        return _without_row(agent_id, report, tombstone)
    if node.agent_id == agent_id:
        return _own_row(report, node)
    if owner_on_same_host:
        return Decision(Action.TAKE_OVER, f"agent {node.agent_id} of the same host is now called {agent_id}")
    return Decision(Action.FOREIGN, f"the node belongs to agent {node.agent_id} on another host; nothing is changed")


def decide_missing(node: Node) -> Decision:
    """Decide on a node of the agent that its full inventory does not list."""
    if node.desired is Desired.ABSENT:
        return Decision(Action.TOMBSTONE, "the agent no longer has the node")
    return Decision(Action.ASSIGN, "the agent does not have the node", node.assignment())


def missing_report(known: NodeReport) -> NodeReport:
    """The report of a node that its agent no longer lists: generation 0, no process, the same history."""
    return replace(
        known,
        generation=0,
        state=NodeState.STOPPED,
        pid=0,
        health=Health.UNKNOWN,
        sample=None,
        backoff_ms=0,
        unstable=False,
        stable_in_ms=0,
        reason=Reason.NOT_REPORTED,
        message="missing from its agent's inventory",
        sequence=0,
    )


def moved_node(agent_id: str, report: NodeReport, row: Node) -> Node:
    """The row of a node whose agent was renamed: the newer of row and report, under the new agent id."""
    if row.generation > report.generation:
        return replace(row, agent_id=agent_id)
    kept = row.stopped_by_drain and row.generation == report.generation
    return replace(node_as_reported(agent_id, report, row.created_at_ms), stopped_by_drain=kept)


def node_as_reported(agent_id: str, report: NodeReport, created_at_ms: int) -> Node:
    """The row of a node that is taken over as its agent reports it."""
    return Node(
        node_id=report.node_id,
        agent_id=agent_id,
        spec=report.spec,
        desired=report.desired,
        generation=report.generation,
        restart_generation=report.restart_generation,
        created_at_ms=created_at_ms,
        report=report,
    )


def keep_newer(known: Node | None, other: Node) -> Node:
    """The newer of two versions of one node, with the known report; ``other`` if both have the same generation."""
    if known is None or known.agent_id != other.agent_id:
        return other
    if other.generation < known.generation:
        return known
    return other if known.report is None else replace(other, report=known.report)


def _own_row(report: NodeReport, node: Node) -> Decision:
    if report.generation > node.generation:
        return Decision(
            Action.FOLLOW, f"the agent has generation {report.generation}, the registry has {node.generation}"
        )
    if report.generation < node.generation:
        why = f"the agent has generation {report.generation}; generation {node.generation} is desired"
        return Decision(Action.ASSIGN, why, node.assignment())
    if report.desired is not node.desired:
        why = f"generation {node.generation} is {report.desired} for the agent and {node.desired} in the registry"
        return Decision(Action.REASSERT, why)
    if report.desired is Desired.ABSENT and report.state is NodeState.STOPPED and not report.pid:
        return Decision(Action.TOMBSTONE, "the agent has removed the node")
    if report.spec.completed_by(node.spec) != node.spec:
        return Decision(Action.RESOLVE, "the agent filled in the specification")
    return NOTHING


def _without_row(agent_id: str, report: NodeReport, tombstone: int | None) -> Decision:
    if tombstone is not None and report.generation <= tombstone:
        absent = Assignment(
            node_id=report.node_id,
            generation=tombstone + 1,
            desired=Desired.ABSENT,
            spec=report.spec,
            restart_generation=report.restart_generation,
            agent_id=agent_id,
        )
        return Decision(Action.ASSIGN_ABSENT, f"the node was removed at generation {tombstone}", absent)
    if report.desired is Desired.ABSENT:
        return NOTHING
    return Decision(Action.TAKE_OVER, "the agent has the node and the registry does not")
