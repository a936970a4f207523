"""Drains an agent: keeps new nodes away, and on request stops the nodes that it has, and starts them again.

An agent is drained only when its own report says that no process of a node is left.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from sutra_grid.client.error_groups import summary_of
from sutra_grid.client.hints import Hints
from sutra_grid.client.master_client import MasterClient
from sutra_grid.client.outcome import outcome
from sutra_grid.client.parallel import in_parallel
from sutra_grid.client.wait import await_settled
from sutra_grid.core.errors import DeadlineExceeded, FailedPrecondition, GridError, Unavailable
from sutra_grid.core.types import AgentStatus, Desired, NodeStatus, Reason
from sutra_grid.wire import grid_pb2 as pb

POLL_SECONDS: Final = 0.5
CHANGED_TOGETHER: Final = 8
SHOWN: Final = 5


def drain(client: MasterClient, agent_id: str) -> pb.AgentRecord:
    """Keep new nodes away from an agent and return its record. Raises ``GridError``."""
    return client.drain_agent(agent_id)


def left_on(agent: pb.AgentRecord) -> list[pb.NodeStatus]:
    """The nodes of an agent that have a process, may have one, or are about to get one."""
    return [node for node in agent.storage_nodes if not is_at_rest(node)]


def is_at_rest(node: pb.NodeStatus) -> bool:
    """Whether the agent has confirmed the last command, no process is left, and none is about to start."""
    confirmed = node.observed_generation >= node.generation
    ended = node.status in (NodeStatus.STOPPED, NodeStatus.FAILED) and not node.pid
    return confirmed and ended and not node.backoff_ms


def left_text(agent: pb.AgentRecord, left: list[pb.NodeStatus], hint: str) -> str:
    """Which nodes a drain has left, and with ``hint`` how to stop them. Of an offline agent that is not known."""
    if agent.status == AgentStatus.OFFLINE:
        return f"it is offline, so it is not known whether its {len(left)} nodes have a process: {names(left)}"
    return f"{len(left)} run on: {names(left)}. To stop them: {hint}"


def names(nodes: list[pb.NodeStatus]) -> str:
    """The first few ids, for a message."""
    more = f" and {len(nodes) - SHOWN} more" if len(nodes) > SHOWN else ""
    return ", ".join(node.node_id for node in nodes[:SHOWN]) + more


def stop_nodes(client: MasterClient, agent_id: str, on_wait: Callable[[str], None]) -> pb.AgentRecord:
    """Stop every node of a drained agent and return its record when no process is left.

    A node that was being spawned when the agent was drained is stopped too. An outage of the master is waited out.
    Raises ``GridError``: a stop was refused, the agent is offline, or the client's timeout passed (the time of its
    task, if it is for one).
    """
    never = threading.Event()
    client = client.within(client.timeout_seconds)
    while True:
        try:
            agent = client.get_agent(agent_id)
        except (Unavailable, DeadlineExceeded):
            if client.is_closed or not client.seconds_left():
                raise
            never.wait(min(POLL_SECONDS, client.seconds_left()))
            continue
        left = left_on(agent)
        wanted = [node for node in agent.storage_nodes if node.desired == Desired.RUNNING]
        if not left and not wanted:
            return agent
        if agent.status == AgentStatus.OFFLINE:
            raise _offline(agent, left or wanted, client.hints)
        if not client.seconds_left():
            raise _not_drained(client, agent_id, left, wanted)
        on_wait(f"{agent_id}: waiting for {len(left or wanted)} nodes to stop: {names(left or wanted)}")
        if wanted:
            _stop_all(client, [node.node_id for node in wanted])
        else:
            never.wait(min(POLL_SECONDS, client.seconds_left()))


def _stop_all(client: MasterClient, node_ids: list[str]) -> None:
    """Stop nodes, some at a time. A stop that takes longer than its call continues."""

    def stop(node_id: str) -> None:
        outcome(client.stop_node(node_id, for_drain=True))

    errors = [error for _, error in in_parallel(stop, node_ids, CHANGED_TOGETHER, client.close)]
    refused = [error for error in errors if error is not None and not isinstance(error, DeadlineExceeded)]
    if refused:
        raise refused[0]


def start_nodes(client: MasterClient, agent_id: str, on_wait: Callable[[str], None]) -> list[pb.NodeStatus]:
    """Start exactly the nodes of an agent that its drain has stopped, and return them when they run.

    It may be repeated: what was started is no longer among them. Raises ``GridError`` when one could not be started;
    the others are started nevertheless.
    """
    client = client.within(client.timeout_seconds)
    stopped = [node.node_id for node in client.get_agent(agent_id).storage_nodes if node.stopped_by_drain]
    if not stopped:
        return []

    def start(node_id: str) -> pb.NodeStatus:
        return await_settled(client, outcome(client.start_node(node_id)), NodeStatus.RUNNING, lambda _line: None)

    on_wait(f"{agent_id}: starting {len(stopped)} nodes that its drain has stopped")
    results = dict(in_parallel(start, stopped, CHANGED_TOGETHER, client.close))
    failures = [(name, result) for name, result in results.items() if isinstance(result, GridError)]
    if failures:
        raise summary_of(failures, len(stopped), "nodes", "started")
    return [node for node in results.values() if not isinstance(node, GridError)]


def should_run(agent: pb.AgentRecord) -> set[str]:
    """The ids of its nodes that should run."""
    return {node.node_id for node in agent.storage_nodes if node.desired == Desired.RUNNING}


def forgotten_text(agent: pb.AgentRecord, ran: set[str]) -> str:
    """Which nodes that should have run are stopped and not remembered as stopped by the drain; empty if none.

    A master of an earlier version remembers none.
    """
    forgotten = [
        node.node_id
        for node in agent.storage_nodes
        if node.node_id in ran and node.desired == Desired.STOPPED and not node.stopped_by_drain
    ]
    if not forgotten:
        return ""
    return (
        f"; the master does not remember that the drain has stopped {len(forgotten)} nodes: later start them with "
        f"`sutra-grid-cli nodes start {' '.join(forgotten)}`"
    )


def started_text(agent: pb.AgentRecord, started: list[pb.NodeStatus]) -> str:
    """What an undrain has started. Without any: that the master remembers none, and what is stopped all the same."""
    if started:
        return f"{len(started)} started: {names(started)}"
    stopped = [node for node in agent.storage_nodes if node.desired == Desired.STOPPED]
    others = f"; stopped otherwise, or by a drain of an earlier master: {names(stopped)}" if stopped else ""
    return f"0 started: the master remembers no node that a drain has stopped{others}"


def _not_drained(
    client: MasterClient, agent_id: str, left: list[pb.NodeStatus], wanted: list[pb.NodeStatus]
) -> DeadlineExceeded:
    message = f"agent {agent_id} is not drained after {client.timeout_seconds:g} s. "
    check = f"Check with `{client.hints.show_agent.format(agent_id)}`"
    if wanted:
        return DeadlineExceeded(
            f"{message}It takes no new nodes. Nodes that were not told to stop: {names(wanted)} ({len(wanted)})",
            reason=Reason.TIMED_OUT,
            hint=f"Stops that were sent continue. Run the command again for the others. {check}",
        )
    return DeadlineExceeded(
        f"{message}Nodes of which it reports a process: {names(left)} ({len(left)})",
        reason=Reason.TIMED_OUT,
        hint=f"The stops continue. {check}",
    )


def _offline(agent: pb.AgentRecord, left: list[pb.NodeStatus], hints: Hints) -> FailedPrecondition:
    return FailedPrecondition(
        f"agent {agent.agent_id} is offline, so it is not known whether its {len(left)} nodes "
        f"have a process: {names(left)}",
        reason=Reason.AGENT_OFFLINE,
        hint=f"It takes no new nodes. Start the agent again. Only if its host is gone for good: "
        f"`{hints.remove_agent.format(agent.agent_id)}` tells what would be lost",
    )
