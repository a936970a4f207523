"""Waits until a node has the requested status, or has settled in another one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from sutra_grid.client.hints import Hints
from sutra_grid.client.master_client import MasterClient
from sutra_grid.core.errors import DeadlineExceeded, FailedPrecondition, NotFound, Unavailable
from sutra_grid.core.text import printable
from sutra_grid.core.types import Health, NodeStatus, Reason
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.enums import reason_or_none

POLL_SECONDS: Final = 0.5
LOG_LINES: Final = 3
UNSETTLED: Final = ("", NodeStatus.STARTING, NodeStatus.STOPPING)


def await_settled(
    client: MasterClient,
    node: pb.NodeStatus,
    wanted: NodeStatus,
    on_wait: Callable[[str], None],
    is_well: Callable[[pb.NodeStatus], bool] = lambda _node: True,
) -> pb.NodeStatus:
    """Poll until ``node`` has the status ``wanted`` and ``is_well``, and return its record.

    An outage of the master is waited out. Raises ``FailedPrecondition`` when the node has settled in
    another status, ``DeadlineExceeded`` when the client's timeout passes first: the time of its task, if it is for
    one (``MasterClient.within``). ``on_wait`` gets one line of text.
    """
    never = threading.Event()
    deadline = time.monotonic() + min(client.timeout_seconds, client.seconds_left())
    reported = False
    while node.status != wanted or not is_well(node):
        if node.status != wanted and node.status not in UNSETTLED:
            raise _settled_otherwise(node, wanted, client.hints)
        left_seconds = deadline - time.monotonic()
        if left_seconds <= 0:
            check = f"Check with `{client.hints.show_node.format(node.node_id)}`"
            raise DeadlineExceeded(
                f"node {node.node_id} is still {_status_text(node)} after {client.timeout_seconds:g} s{_why(node)}",
                reason=Reason.TIMED_OUT,
                hint=f"The grid goes on, and it may still become {wanted}. {check}",
            )
        if not reported:
            on_wait(f"{node.node_id}: {_status_text(node)}, waiting until it is {wanted}")
            reported = True
        never.wait(min(POLL_SECONDS, left_seconds))
        try:
            node = client.get_node(node.node_id)
        except NotFound:
            raise
        except (Unavailable, DeadlineExceeded) as error:
            if client.is_closed or time.monotonic() >= deadline:
                raise error
    return node


def _status_text(node: pb.NodeStatus) -> str:
    unhealthy = node.status == NodeStatus.RUNNING and node.health == Health.UNHEALTHY
    return "unhealthy" if unhealthy else node.status or "not reported yet"


def _why(node: pb.NodeStatus) -> str:
    """Its reason and message in parentheses, if it has any."""
    why = ": ".join(part for part in (node.reason, printable(node.message)) if part)
    return f" ({why})" if why else ""


def _settled_otherwise(node: pb.NodeStatus, wanted: NodeStatus, hints: Hints) -> FailedPrecondition:
    tail = "".join(f"\n  | {printable(line)}" for line in node.log_tail[-LOG_LINES:])
    return FailedPrecondition(
        f"node {node.node_id} is {node.status}, not {wanted}{_why(node)}{tail}",
        reason=reason_or_none(node.reason),
        hint=f"Find the cause with `{hints.show_node.format(node.node_id)}`",
    )
