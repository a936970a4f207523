"""Carries out a rolling restart: the main thread chooses nodes, and one thread per node restarts it and waits.

Every decision uses a fresh list of the nodes, so it takes into account what has happened to them since.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Final

from sutra_grid.client.hints import Hints
from sutra_grid.client.master_client import MasterClient
from sutra_grid.client.outcome import outcome
from sutra_grid.client.rolling_plan import Nodes, broken, choose, is_restarting, is_same_process, is_up, may_come_up
from sutra_grid.client.wait import await_settled
from sutra_grid.core.errors import DeadlineExceeded, FailedPrecondition, GridError, Internal, Unavailable
from sutra_grid.core.text import printable
from sutra_grid.core.types import NodeStatus
from sutra_grid.runtime.logging import get_logger
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.enums import reason_or_none

log = get_logger(__name__)

POLL_SECONDS: Final = 0.5
JOIN_SECONDS: Final = 5.0
_NOT_STEADY: Final = "was restarted and ran, but did not stay up"
_NOT_SEEN: Final = "was restarted and ran, and can't be seen any more"


@dataclass(frozen=True, slots=True)
class RollSpec:
    """Bounds: how many nodes may be down at once, and how long each must be up before the next is restarted.

    ``min_ready_seconds``: without a restart and healthy all the time; a node that turns unhealthy has to be
    healthy for as long again. ``pause_seconds``: the same, but a node that turns unhealthy is a failure.
    """

    max_unavailable: int = 1
    pause_seconds: float = 0.0
    min_ready_seconds: float = 0.0


@dataclass
class Progress:
    """How far a rolling restart is. ``failure`` is the reason why it stopped, None if it did not."""

    left: list[str]
    in_flight: set[str] = field(default_factory=set)
    restarted: dict[str, pb.NodeStatus] = field(default_factory=dict)
    failure: GridError | None = None

    def unfinished(self) -> list[str]:
        """The nodes that are still to be restarted, failed ones included, in the original order."""
        return [name for name in self.left if name not in self.restarted]


_Result = tuple[str, pb.NodeStatus | GridError]


class Roll:
    """One rolling restart of the nodes ``names``. ``scope`` reads the nodes that count towards the bounds, by id.

    ``on_restarted`` gets each node after its restart, ``on_wait`` a line that says what the restart waits for.
    The client's timeout is for each node: from its restart until it is up. ``RollSpec`` adds to it.
    """

    def __init__(
        self,
        client: MasterClient,
        spec: RollSpec,
        names: Iterable[str],
        scope: Callable[[], Nodes],
        on_restarted: Callable[[pb.NodeStatus], None],
        on_wait: Callable[[str], None],
    ) -> None:
        self.progress = Progress(list(names))
        self._client = client
        self._spec = spec
        self._scope = scope
        self._on_restarted = on_restarted
        self._on_wait = on_wait
        self._results: queue.SimpleQueue[_Result] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._given_up = threading.Event()
        self._blocked_since: float | None = None
        self._is_stopping = False

    def run(self) -> Progress:
        """Restart all nodes, or stop at the first failure, which the returned progress holds. Blocks.

        After a failure it waits for the restarts in flight.
        """
        for _ in self.turns():
            pass
        return self.progress

    def turns(self) -> Iterator[None]:
        """Do the same as ``run`` in turns of about ``POLL_SECONDS``, plus the time of one call."""
        while self.progress.unfinished() or self.progress.in_flight:
            if self.progress.failure is None and not self._is_stopping:
                self._take_next()
            if self.progress.in_flight:
                self._await_one()
            elif self.progress.failure is not None or self._is_stopping:
                break
            yield
        if self.progress.failure is None:
            self._read_nodes()

    def stop_taking(self) -> None:
        """Begin no further restart. The turns go on until nodes in flight are up, no longer. For the main thread."""
        self._is_stopping = True

    def give_up(self) -> None:
        """End the waiting threads. Restarts that the master has received continue."""
        self._given_up.set()
        self._client.close()
        deadline = time.monotonic() + JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    # -- the main thread --

    def _take_next(self) -> None:
        """Begin restarts while one more node may be down. Record a failure that shows up instead."""
        while nodes := self._read_nodes():
            waiting = [n for n in self.progress.unfinished() if n in nodes and n not in self.progress.in_flight]
            self.progress.left = [n for n in self.progress.left if n in nodes]  # the others have been removed
            if not waiting:
                return
            choice = choose(nodes, waiting, self.progress.in_flight, self._spec.max_unavailable)
            if choice.node_id:
                self._blocked_since = None
                self._begin(nodes[choice.node_id])
            elif self.progress.in_flight:
                return
            else:
                self._await_capacity(nodes, choice.blocked_by)
                return

    def _read_nodes(self) -> Nodes:
        """The nodes as they are now; empty, with a failure recorded, when a restarted one is no longer up."""
        try:
            nodes = self._scope()
        except GridError as error:
            self.progress.failure = error
            return {}
        down = broken(nodes, self.progress.restarted)
        if down is not None:
            self.progress.restarted.pop(down.node_id)
            self.progress.failure = _not_steady_error(down, self._client.hints)
            return {}
        if not nodes and self.progress.unfinished():
            self.progress.left = []
        return nodes

    def _begin(self, node: pb.NodeStatus) -> None:
        name = node.node_id
        self.progress.in_flight.add(name)
        thread = threading.Thread(
            target=copy_context().run, args=(self._restart, node), name=f"restart {name}", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def _await_one(self) -> None:
        try:
            name, result = self._results.get(timeout=POLL_SECONDS)
        except queue.Empty:
            return
        self.progress.in_flight.discard(name)
        if isinstance(result, GridError):
            self.progress.failure = self.progress.failure or result
            return
        self.progress.restarted[name] = result
        self._on_restarted(result)

    def _await_capacity(self, nodes: Nodes, blocked_by: tuple[str, ...]) -> None:
        """No restart is in flight, but too many nodes are down already: wait a little, or fail."""
        now = time.monotonic()
        may_recover = any(may_come_up(nodes[name]) for name in blocked_by)
        if self._blocked_since is None:
            self._blocked_since = now
            if may_recover:
                self._on_wait(f"waiting for nodes that are down: {', '.join(blocked_by)}")
        if not may_recover or now - self._blocked_since >= self._client.timeout_seconds:
            first = nodes[blocked_by[0]]
            is_known = first.status != NodeStatus.UNKNOWN
            what = "is already down" if is_known else "can't be restarted now and counts as down"
            bound = f"({len(blocked_by)} of the nodes are down, at most {self._spec.max_unavailable} may be)"
            self.progress.failure = _not_up_error(first, f"{what} {bound}", self._client.hints)
            return
        self._given_up.wait(POLL_SECONDS)

    # -- a thread a node --

    def _restart(self, node: pb.NodeStatus) -> None:
        name = node.node_id
        try:
            result: pb.NodeStatus | GridError = self._restart_and_watch(node)
        except GridError as error:
            result = error
        except BaseException as error:  # without a result the node would be in flight for ever
            log.exception("restart ended by an unexpected error", node=name)
            result = _unexpected(name, error)
        self._results.put((name, result))

    def _restart_and_watch(self, node: pb.NodeStatus) -> pb.NodeStatus:
        """Restart one node and return it when it has been up for long enough. Raises ``GridError``.

        A restart that is under way is taken for this one, because its process is still to be started.
        """
        client = self._client.within(self._client.timeout_seconds)
        if not is_restarting(node):
            answer = client.restart_node(node.node_id)
            slow = answer.error.code == DeadlineExceeded.code and answer.HasField("node")
            node = answer.node if slow else outcome(answer)
        node = await_settled(client, node, NodeStatus.RUNNING, self._on_wait, is_up)
        return self._stay_up(node)

    def _stay_up(self, node: pb.NodeStatus) -> pb.NodeStatus:
        """Return the node when it has been up for long enough, see ``RollSpec``."""
        up_seconds = max(self._spec.pause_seconds, self._spec.min_ready_seconds)
        if self._spec.min_ready_seconds:
            self._on_wait(f"{node.node_id}: {node.status}, has to stay up for {up_seconds:g} s")
        ready_at = time.monotonic() + up_seconds
        while (left_seconds := ready_at - time.monotonic()) > 0 and not self._is_ending():
            self._given_up.wait(min(POLL_SECONDS, left_seconds))
            now = self._read(node.node_id) or node
            if self._spec.min_ready_seconds and is_same_process(now, node) and not is_up(now):
                client = self._client.within(self._client.timeout_seconds)
                now = await_settled(client, now, NodeStatus.RUNNING, self._on_wait, is_up)
                ready_at = time.monotonic() + up_seconds
            if broken({node.node_id: now}, {node.node_id: node}) is not None:
                raise _not_steady_error(now, self._client.hints)
            node = now
        return node

    def _is_ending(self) -> bool:
        """Whether nobody waits for a further node, so that one that is up need not be watched."""
        return self._is_stopping or self._given_up.is_set()

    def _read(self, name: str) -> pb.NodeStatus | None:
        """The node as it is now; None while the master does not answer, which is not a failure of the node."""
        try:
            return self._client.get_node(name)
        except (Unavailable, DeadlineExceeded):
            return None


def _unexpected(name: str, error: BaseException) -> Internal:
    failure = Internal(
        f"the restart of node {name} ended with an unexpected error: {type(error).__name__}: {error}",
        hint="Restarts that the master has received continue. If the error occurs again, report it as a bug",
    )
    failure.__cause__ = error
    return failure


def _not_steady_error(node: pb.NodeStatus, hints: Hints) -> FailedPrecondition:
    """Of a node that is no longer up after its restart, or that nobody sees: it may still run."""
    return _not_up_error(node, _NOT_SEEN if node.status == NodeStatus.UNKNOWN else _NOT_STEADY, hints)


def _not_up_error(node: pb.NodeStatus, what: str, hints: Hints) -> FailedPrecondition:
    why = ": ".join(part for part in (node.reason, printable(node.message)) if part)
    state = "unhealthy" if node.status == NodeStatus.RUNNING and not is_up(node) else node.status
    return FailedPrecondition(
        f"node {node.node_id} {what}; it is {state}{f' ({why})' if why else ''}",
        reason=reason_or_none(node.reason),
        hint=f"Find the cause with `{hints.show_node.format(node.node_id)}`",
    )
