"""What the removal of an agent would lose: the one rule and the words for master, command line and pages. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sutra_grid.core.types import Agent, Desired, Node

_SHOWN_NODES = 5

#: For this long the registry remembers a removed node, so that an agent that comes back stops it.
REMEMBERED_DAYS = 90


@dataclass(frozen=True, slots=True)
class LastKnown:
    """What is known of a node of the agent. ``pid`` is 0 without a process in its last report."""

    node_id: str
    should_run: bool
    pid: int = 0

    @property
    def may_run(self) -> bool:
        """Whether its process may live: nobody can observe the host of an offline agent."""
        return self.should_run or self.pid > 0


@dataclass(frozen=True, slots=True)
class Removal:
    """An agent and its nodes, as a removal would find them."""

    agent_id: str
    hostname: str
    host_id: str
    nodes: Sequence[LastKnown]

    @property
    def may_run(self) -> list[LastKnown]:
        """The nodes whose processes may still run."""
        return [node for node in self.nodes if node.may_run]

    @property
    def needs_force(self) -> bool:
        """Whether the removal must be confirmed, because a node may still run."""
        return any(node.may_run for node in self.nodes)

    def danger(self) -> str:
        """Which nodes may still run; empty when none may."""
        alive = self.may_run
        if not alive:
            return ""
        more = f" and {len(alive) - _SHOWN_NODES} more" if len(alive) > _SHOWN_NODES else ""
        named = ", ".join(_named(node) for node in alive[:_SHOWN_NODES]) + more
        return f"{len(alive)} of its {len(self.nodes)} nodes may still run on host {self.hostname}: {named}"

    def loss(self) -> str:
        """What is lost, and what happens when the agent comes back."""
        if not self.nodes:
            return "It has no nodes."
        count = "the record of its 1 node" if len(self.nodes) == 1 else f"the records of its {len(self.nodes)} nodes"
        host = f"with host id {self.host_id} " if self.host_id else ""
        return (
            f"The grid loses {count}: they can't be started again. If the agent {host}comes back within "
            f"{REMEMBERED_DAYS} days, it stops those that run and removes them; later, it brings them back. "
            "Their data stays on the host."
        )


def removal_of(agent: Agent, nodes: Sequence[Node]) -> Removal:
    """The removal of ``agent``, by what the registry or the master's memory has."""
    known = [LastKnown(n.node_id, n.desired is Desired.RUNNING, n.report.pid if n.report else 0) for n in nodes]
    return Removal(agent.agent_id, agent.hostname, agent.host_id, known)


def _named(node: LastKnown) -> str:
    return f"{node.node_id} (process {node.pid})" if node.pid else f"{node.node_id} (should run)"
