"""``?wait=running&timeout=30``: a command's answer when the node runs and no health probe denies it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from sutra_grid.admin.services import long_requests
from sutra_grid.admin.upstream.master_caller import MasterCaller
from sutra_grid.admin.upstream.master_link import MasterLink
from sutra_grid.client.rolling_plan import is_up
from sutra_grid.client.settling import await_settled
from sutra_grid.core.types import NodeStatus
from sutra_grid.wire import grid_pb2 as pb

#: What a look at the node gets when the command took all of the time.
LEAST_SECONDS: Final = 0.1

Command = Callable[[float | None], pb.NodeStatus]


def thread_slot_for(query: Mapping[str, Any]) -> AbstractContextManager[None]:
    """The right to wait, taken before anything is changed; nothing when ``query`` does not ask for it. In a request."""
    return long_requests().acquire() if "wait" in query else nullcontext()


def run_and_wait(link: MasterLink, command: Command, query: Mapping[str, Any]) -> pb.NodeStatus:
    """Carry ``command`` out, which gets the seconds that it may take, and wait if that is asked for.

    Raises ``GridError``: ``DeadlineExceeded`` (504) that says in which state the node still is, ``FailedPrecondition``
    (409) when it has become something else.
    """
    timeout_seconds: float | None = query.get("timeout")
    if "wait" not in query:
        return command(timeout_seconds)
    seconds = timeout_seconds or link.command_timeout_seconds
    deadline = time.monotonic() + seconds
    node = command(seconds)
    caller = MasterCaller(link, timeout_seconds=max(LEAST_SECONDS, round(deadline - time.monotonic(), 1)))
    return await_settled(caller, node, NodeStatus.RUNNING, lambda _words: None, is_up)
