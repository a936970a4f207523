"""Which nodes the filters of a command for many match. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sutra_grid.core.listed_status import ListedStatus, listed_status
from sutra_grid.core.types import Desired
from sutra_grid.wire import grid_pb2 as pb


@dataclass(frozen=True, slots=True)
class Filters:
    """A node matches if each filter that is not empty has its value."""

    agent_ids: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    statuses: tuple[ListedStatus, ...] = ()

    def match(self, node: pb.NodeStatus) -> bool:
        """Whether the node matches."""
        return (
            (not self.agent_ids or node.agent_id in self.agent_ids)
            and (not self.engines or node.spec.engine in self.engines)
            and (not self.statuses or any(_is_listed_as(wanted, node) for wanted in self.statuses))
        )

    def of(self, nodes: Iterable[pb.NodeStatus]) -> list[pb.NodeStatus]:
        """The nodes that match, agent by agent."""
        return sorted(filter(self.match, nodes), key=lambda node: (node.agent_id, node.node_id))


def may_be_started(node: pb.NodeStatus) -> bool:
    """Whether a start changes something: it is stopped or failed, or waits for the end of its back-off."""
    if node.desired == Desired.RUNNING:
        return node.status == ListedStatus.FAILED or bool(node.backoff_ms and not node.pid)
    return node.desired == Desired.STOPPED


def should_run(node: pb.NodeStatus) -> bool:
    """Whether it should run, so that a stop or a restart changes something."""
    return node.desired == Desired.RUNNING


def _is_listed_as(wanted: ListedStatus, node: pb.NodeStatus) -> bool:
    word = listed_status(node.status, node.health, node.backoff_ms, node.pid)
    includes_all = wanted.value == wanted.status.value
    return word == wanted or (includes_all and node.status == wanted.status)
