"""Chooses the node to restart next, so that no more than a given number are down at once.

Pure: decisions over the records of nodes, as the master lists them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from sutra_grid.core.types import Desired, Health, NodeStatus, Reason
from sutra_grid.wire import grid_pb2 as pb

Nodes = Mapping[str, pb.NodeStatus]

#: Statuses of nodes that may still come up by themselves.
_ON_THE_WAY = frozenset({"", NodeStatus.STARTING, NodeStatus.STOPPING, NodeStatus.RUNNING})


@dataclass(frozen=True, slots=True)
class Choice:
    """``node_id`` is next; if it is empty, no node may be restarted now, because ``blocked_by`` are down."""

    node_id: str = ""
    blocked_by: tuple[str, ...] = ()


def is_up(node: pb.NodeStatus) -> bool:
    """Whether it runs in its last commanded generation and is not unhealthy."""
    confirmed = node.observed_generation >= node.generation
    return confirmed and node.status == NodeStatus.RUNNING and node.health != Health.UNHEALTHY


def is_down(node: pb.NodeStatus) -> bool:
    """Whether it should run and is not up."""
    return node.desired == Desired.RUNNING and not is_up(node)


def may_come_up(node: pb.NodeStatus) -> bool:
    """Whether a node that is down may come up without a command."""
    return node.status in _ON_THE_WAY


def choose(nodes: Nodes, waiting: Sequence[str], in_flight: Set[str], max_unavailable: int) -> Choice:
    """The node of ``waiting`` to restart next while those ``in_flight`` are being restarted.

    A node that is down comes first, because its restart takes nothing down; also one that is starting, which may
    never be ready, and one that is being stopped to start again. One that its agent has not reported yet is waited for.
    A node that is up is chosen only while fewer than ``max_unavailable`` are down. A node whose agent is offline is
    never chosen, because it can't be restarted.
    """
    if len(in_flight) >= max_unavailable:
        return Choice(blocked_by=tuple(sorted(in_flight)))
    reachable = [name for name in waiting if nodes[name].status != NodeStatus.UNKNOWN]
    for name in reachable:
        if not is_up(nodes[name]) and not (is_down(nodes[name]) and _is_unreported(nodes[name])):
            return Choice(name)
    down = {name for name, node in nodes.items() if is_down(node)} | in_flight
    if len(down) >= max_unavailable:
        return Choice(blocked_by=tuple(sorted(down)))
    for name in reachable:
        if is_up(nodes[name]):
            return Choice(name)
    return Choice(blocked_by=tuple(waiting))


def _is_unreported(node: pb.NodeStatus) -> bool:
    """Whether its start is under way, and its agent has not reported it yet."""
    return not node.status and not node.backoff_ms


def is_restarting(node: pb.NodeStatus) -> bool:
    """Whether a command is stopping its process already, and starts it again after that."""
    by_command = node.reason in (Reason.COMMANDED, Reason.STOP_TIMEOUT)
    return is_down(node) and node.status == NodeStatus.STOPPING and by_command


def broken(nodes: Nodes, restarted: Mapping[str, pb.NodeStatus]) -> pb.NodeStatus | None:
    """A ``restarted`` node that is no longer up, or whose process has ended since and was started again."""
    for name, then in restarted.items():
        now = nodes.get(name)
        if now is None or now.desired != Desired.RUNNING:
            continue  # it was removed or stopped since
        if not is_up(now) or (now.generation == then.generation and now.pid != then.pid):
            return now
    return None


def is_same_process(now: pb.NodeStatus, then: pb.NodeStatus) -> bool:
    """Whether it runs, in the process and by the command of ``then``."""
    return now.status == NodeStatus.RUNNING and (now.generation, now.pid) == (then.generation, then.pid)


def is_older(node: pb.NodeStatus, started_before_ms: int) -> bool:
    """Whether it has no process, or one that was started before that moment."""
    return not node.pid or node.started_at_ms < started_before_ms


def newest_start_ms(nodes: Iterable[pb.NodeStatus]) -> int:
    """A moment that every process of ``nodes`` was started before, by the clocks of their own hosts.

    It comes from the nodes and not from a clock. So a node that was not restarted is never mistaken for
    one that was, even if the clocks of the hosts differ.
    """
    return 1 + max((node.started_at_ms for node in nodes), default=0)
