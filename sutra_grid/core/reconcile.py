"""What to do about one node when its agent speaks: desired state against a report.

Pure. One decision a node, each with an enumerated action and the reason in words; the caller
acts. The rule behind the table: the newer generation is right, whoever holds it, and nothing
is ended because a database forgot it. Only a row or a tombstone that is at least as new as the
report may end a node.

=================  =========================  ==================================================
registry           agent reports              action
=================  =========================  ==================================================
row                older generation           assign (the row)
row                newer generation           follow (the row becomes what the agent has)
row, same desired  same generation            nothing, or resolve (store the filled-in spec)
row, other desired same generation            reassert (raise the row's generation, then assign)
row, absent        not listed, or as gone     bury
row, else          not listed                 assign
row of other agent same host, any generation  adopt (the host's agent was renamed)
row of other agent other host                 foreign (never touched; shown to a person)
tombstone          same or older generation   assign_absent, one above the tombstone
tombstone          newer, absent              nothing (it is on its way out)
tombstone          newer, else                adopt (the registry is the older one)
nothing            absent                     nothing
nothing            else                       adopt
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
    ADOPT = "adopt"
    FOLLOW = "follow"
    RESOLVE = "resolve"
    REASSERT = "reassert"
    BURY = "bury"
    FOREIGN = "foreign"


#: Actions that need the registry; the others are answered from memory.
WRITES = frozenset({Action.ADOPT, Action.FOLLOW, Action.RESOLVE, Action.REASSERT, Action.BURY})


@dataclass(frozen=True, slots=True)
class Decision:
    """An action, the assignment that goes with it, and why."""

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
        return Decision(Action.ADOPT, f"runs on the host of {node.agent_id}, which is {agent_id} now")
    return Decision(Action.FOREIGN, f"belongs to agent {node.agent_id}; left as it is")


def decide_missing(node: Node) -> Decision:
    """Decide on a node of the agent that its full inventory does not list."""
    if node.desired is Desired.ABSENT:
        return Decision(Action.BURY, "the agent no longer has it")
    return Decision(Action.ASSIGN, "the agent does not have it", node.assignment())


def missing_report(known: NodeReport) -> NodeReport:
    """What is observed of a node that its agent has lost: generation 0, no process; its history is kept."""
    return replace(
        known,
        generation=0,
        state=NodeState.STOPPED,
        pid=0,
        health=Health.UNKNOWN,
        sample=None,
        backoff_ms=0,
        reason=Reason.NOT_REPORTED,
        message="missing from its agent's inventory",
        sequence=0,
    )


def moved_node(agent_id: str, report: NodeReport, row: Node) -> Node:
    """The row of a node that is taken over from the former name of its agent: the newer content, the new owner."""
    if row.generation > report.generation:
        return replace(row, agent_id=agent_id)
    return node_as_reported(agent_id, report, row.created_at_ms)


def node_as_reported(agent_id: str, report: NodeReport, created_at_ms: int) -> Node:
    """The row of a node that is taken over as its agent has it."""
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
    """The newer of two versions of one node; with the same generation ``other``, and no report is lost."""
    if known is None or known.agent_id != other.agent_id:
        return other
    if other.generation < known.generation:
        return known
    return other if known.report is None else replace(other, report=known.report)


def _own_row(report: NodeReport, node: Node) -> Decision:
    if report.generation > node.generation:
        return Decision(Action.FOLLOW, f"the agent has generation {report.generation}, the registry {node.generation}")
    if report.generation < node.generation:
        why = f"the agent has generation {report.generation}, desired is {node.generation}"
        return Decision(Action.ASSIGN, why, node.assignment())
    if report.desired is not node.desired:
        why = f"generation {node.generation} means {report.desired} to the agent and {node.desired} to the registry"
        return Decision(Action.REASSERT, why)
    if report.desired is Desired.ABSENT and report.state is NodeState.STOPPED and not report.pid:
        return Decision(Action.BURY, "the agent has removed it")
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
        return Decision(Action.ASSIGN_ABSENT, f"it was removed at generation {tombstone}", absent)
    if report.desired is Desired.ABSENT:
        return NOTHING
    return Decision(Action.ADOPT, "the agent has it and the registry does not know it")
