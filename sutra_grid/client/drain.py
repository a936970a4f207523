"""Draining an agent: new nodes are kept away, and, if that is wanted, those that are there are stopped.

An agent is called drained only when no process of a node is left on it, by its own report.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from sutra_grid.client.hints import Hints
from sutra_grid.client.master_client import MasterClient
from sutra_grid.client.outcome import outcome
from sutra_grid.core.errors import DeadlineExceeded, FailedPrecondition, GridError
from sutra_grid.core.types import AgentStatus, Desired, NodeStatus, Reason
from sutra_grid.wire import grid_pb2 as pb

POLL_SECONDS: Final = 0.5
STOPPED_TOGETHER: Final = 8
SHOWN: Final = 5


def drain(client: MasterClient, agent_id: str) -> pb.AgentRecord:
    """Close an agent for new nodes; its record as it is then. Raises ``GridError``."""
    return client.drain_agent(agent_id)


def left_on(agent: pb.AgentRecord) -> list[pb.NodeStatus]:
    """The nodes that have, may have or are about to get a process there."""
    return [node for node in agent.storage_nodes if not is_at_rest(node)]


def is_at_rest(node: pb.NodeStatus) -> bool:
    """Whether its agent has said, of what was commanded last, that no process is left and none will come."""
    confirmed = node.observed_generation >= node.generation
    ended = node.status in (NodeStatus.STOPPED, NodeStatus.FAILED) and not node.pid
    return confirmed and ended and not node.backoff_ms


def names(nodes: list[pb.NodeStatus]) -> str:
    """The first few ids."""
    more = f" and {len(nodes) - SHOWN} more" if len(nodes) > SHOWN else ""
    return ", ".join(node.node_id for node in nodes[:SHOWN]) + more


def stop_nodes(client: MasterClient, agent_id: str, tell: Callable[[str], None]) -> pb.AgentRecord:
    """Stop every node of a drained agent, and answer its record when none has a process left.

    One that was being spawned when the agent was drained is stopped too. Raises ``GridError``: a
    refused stop, an agent that is offline and can't be asked, or the client's timeout.
    """
    never = threading.Event()
    deadline = time.monotonic() + client.timeout_seconds
    while True:
        agent = client.get_agent(agent_id)
        left = left_on(agent)
        wanted = [node for node in agent.storage_nodes if node.desired == Desired.RUNNING]
        if not left and not wanted:
            return agent
        if agent.status == AgentStatus.OFFLINE:
            raise _offline(agent, left or wanted, client.hints)
        if time.monotonic() >= deadline:
            raise DeadlineExceeded(
                f"{agent_id} is not drained after {client.timeout_seconds:g} s: "
                f"{len(left)} nodes have a process: {names(left)}",
                reason=Reason.TIMED_OUT,
                hint=f"their stops go on; see {client.hints.show_agent.format(agent_id)}",
            )
        tell(f"{agent_id}: {len(left)} nodes have a process: {names(left)}")
        if wanted:
            _stop_all(client, [node.node_id for node in wanted])
        else:
            never.wait(POLL_SECONDS)


def _stop_all(client: MasterClient, node_ids: list[str]) -> None:
    """Ask for all stops, some at a time; one that takes longer than its call is still on its way."""

    def stop(node_id: str) -> GridError | None:
        try:
            outcome(client.stop_node(node_id))
        except GridError as error:
            return None if isinstance(error, DeadlineExceeded) else error
        return None

    with ThreadPoolExecutor(STOPPED_TOGETHER, thread_name_prefix="stop") as pool:
        try:
            errors = list(pool.map(stop, node_ids))
        except KeyboardInterrupt:
            client.close()  # ends the calls that the pool would wait for
            pool.shutdown(cancel_futures=True)
            raise
    refused = next((error for error in errors if error is not None), None)
    if refused is not None:
        raise refused


def _offline(agent: pb.AgentRecord, left: list[pb.NodeStatus], hints: Hints) -> FailedPrecondition:
    return FailedPrecondition(
        f"{agent.agent_id} is offline: whether its {len(left)} nodes have a process can't be known: {names(left)}",
        reason=Reason.AGENT_OFFLINE,
        hint=f"it takes no new nodes; bring it back, or when its host is gone: "
        f"{hints.remove_agent.format(agent.agent_id)}",
    )
