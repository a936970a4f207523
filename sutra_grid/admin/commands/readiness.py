"""``?wait=running&timeout=30``: run a command and wait until the node runs and its health probe succeeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sutra_grid.admin.services import long_requests
from sutra_grid.client.master_client import MasterClient
from sutra_grid.client.rolling_plan import is_up
from sutra_grid.client.wait import await_settled
from sutra_grid.core.types import NodeStatus
from sutra_grid.wire import grid_pb2 as pb

Command = Callable[[float | None], pb.NodeStatus]


def thread_slot_for(query: Mapping[str, Any]) -> AbstractContextManager[None]:
    """A thread slot if ``query`` waits, acquired before anything changes. Needs a request context."""
    return long_requests().acquire() if "wait" in query else nullcontext()


def run_and_wait(client: MasterClient, command: Command, query: Mapping[str, Any]) -> pb.NodeStatus:
    """Run ``command``, which takes its timeout in seconds, and wait for the node if ``query`` asks for it.

    Raises ``DeadlineExceeded`` (504) with the node's state when the time is up, ``FailedPrecondition`` (409) when the
    node reached another final state, and any other ``GridError`` of the command.
    """
    timeout_seconds: float | None = query.get("timeout")
    if "wait" not in query:
        return command(timeout_seconds)
    seconds = timeout_seconds or client.timeout_seconds
    rest = client.within(seconds)
    node = command(min(seconds, rest.seconds_left()))
    return await_settled(rest, node, NodeStatus.RUNNING, lambda _message: None, is_up)
