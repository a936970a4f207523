"""The client of a master that all interfaces share: one method per call, one retry policy for all.

Reads are tried once more when their connection turns out to be dead. Changes carry an idempotency key and
are repeated under it while the master is away (``client.retry``).
"""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sutra_grid.client.change import ChangeSpec, send_change
from sutra_grid.client.hints import Hints
from sutra_grid.client.retry import RetryPolicy
from sutra_grid.core.errors import DeadlineExceeded, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.access_pb2_grpc import GridAccessStub
from sutra_grid.wire.channels import open_channel
from sutra_grid.wire.connection import Connection, Opener, Peer, no_metadata
from sutra_grid.wire.correlation_ids import Metadata
from sutra_grid.wire.grid_pb2_grpc import GridMasterStub
from sutra_grid.wire.keepalive import DENSE_KEEPALIVE

M = TypeVar("M", bound=Message)

READ_SECONDS: Final = 10.0
"""A read that takes longer will not be answered; only changes wait for processes."""
LAST_READ_SECONDS: Final = 0.5
"""What a read may take when the time of its task has passed: the answer says what is still going on."""
MASTER_SERVICE: Final = "grid.GridMaster"


class NotSent(DeadlineExceeded):
    """The time of a task passed before this change was sent, so it changes nothing."""


def fresh_key(_target: str) -> str:
    """An idempotency key that no other change has."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """What an interface decides about its calls.

    ``target`` is the master's ``host:port``. A change may take ``change_seconds``, a read ``read_seconds``.
    ``opener`` opens TLS channels; without one they are plaintext. ``metadata`` is added to each call, such as a token.
    """

    target: str
    hints: Hints
    change_seconds: float
    read_seconds: float = READ_SECONDS
    unreachable_hint: str = "Check that the master runs and that its address is right"
    opener: Opener | None = None
    metadata: Callable[[], Metadata] = no_metadata
    retry: RetryPolicy = field(default_factory=RetryPolicy)


class _Stubs:
    """The services of a master that are called."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.master = GridMasterStub(channel)
        self.access = GridAccessStub(channel)
        self.health: Any = health_pb2_grpc.HealthStub(channel)


_Method = Callable[[_Stubs], Callable[..., Any]]


class MasterClient:
    """Calls a master; nothing is connected before the first call. Threads may share it.

    Every method raises ``GridError``: the master's own; ``PeerUnreachable`` when it can't be reached or the
    connection was lost; ``NoAnswer`` when the deadline passed; ``Unavailable`` after ``close``.

    ``timeout_seconds`` is how long an outcome is waited for. ``scoped`` and ``within`` make a client for one task
    over the same connection. Closing a scoped one leaves the connection open.
    """

    def __init__(self, config: ClientConfig, connection: Connection[_Stubs] | None = None) -> None:
        """``connection`` belongs to another client; without one this client opens its own."""
        peer = Peer(
            "the master",
            unreachable_reason=Reason.MASTER_UNREACHABLE,
            unreachable_hint=config.unreachable_hint,
            no_answer_hint="Try again, or see the master's log",
        )
        self._config = config
        self._connection = connection or Connection(
            config.target, peer, _Stubs, config.opener or _open, config.metadata
        )
        self._owns_connection = connection is None
        self._key_of: Callable[[str], str] = fresh_key
        self._closed = threading.Event()
        self._deadline = math.inf
        self.timeout_seconds = config.change_seconds

    def scoped(self, *, timeout_seconds: float | None = None, key_of: Callable[[str], str] = fresh_key) -> MasterClient:
        """A client for one task. ``key_of`` gives the idempotency key of a change, by the id of what is changed."""
        made = MasterClient(self._config, self._connection)
        made._key_of = key_of
        made.timeout_seconds = timeout_seconds or self._config.change_seconds
        return made

    def within(self, seconds: float) -> MasterClient:
        """A client for one task that may take ``seconds`` in all: its calls and waits together end by then.

        A task within another one ends with the outer one at the latest. Closing it closes this client.
        """
        made = MasterClient(self._config, self._connection)
        made._key_of, made._closed, made._owns_connection = self._key_of, self._closed, self._owns_connection
        made.timeout_seconds = seconds
        made._deadline = min(self._deadline, time.monotonic() + seconds)
        return made

    def seconds_left(self) -> float:
        """The rest of the task's time, not below 0; ``inf`` for a client that ``within`` has not made."""
        return max(0.0, self._deadline - time.monotonic())

    @property
    def target(self) -> str:
        """The master's ``host:port``."""
        return self._config.target

    @property
    def hints(self) -> Hints:
        """The next steps, as the interface calls them."""
        return self._config.hints

    @property
    def is_closed(self) -> bool:
        """Whether no call can be made any more."""
        return self._closed.is_set()

    def close(self) -> None:
        """Make no more calls. Those in other threads end; those of a scoped client only at their next try."""
        self._closed.set()
        if self._owns_connection:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- reads --

    def check_health(self, timeout_seconds: float) -> None:
        """Raise ``GridError`` unless the master's health service answers."""
        request = health_pb2.HealthCheckRequest(service=MASTER_SERVICE)
        self._read(lambda stubs: stubs.health.Check, request, health_pb2.HealthCheckResponse, timeout_seconds)

    def cluster_status(self, *, timeout_seconds: float | None = None) -> pb.ClusterStatus:
        """The whole grid in numbers."""
        return self._read(lambda stubs: stubs.master.GetClusterStatus, pb.Empty(), pb.ClusterStatus, timeout_seconds)

    def list_agents(self, *, timeout_seconds: float | None = None) -> pb.AgentList:
        """All agents."""
        return self._read(lambda stubs: stubs.master.ListAgents, pb.Empty(), pb.AgentList, timeout_seconds)

    def get_agent(self, agent_id: str, *, timeout_seconds: float | None = None) -> pb.AgentRecord:
        """One agent with its nodes. Raises ``NotFound``."""
        request = pb.AgentId(agent_id=agent_id)
        return self._read(lambda stubs: stubs.master.GetAgent, request, pb.AgentRecord, timeout_seconds)

    def list_nodes(
        self, request: pb.ListNodesRequest | None = None, *, timeout_seconds: float | None = None
    ) -> pb.NodeList:
        """The nodes that ``request`` selects; all without one."""
        request = request or pb.ListNodesRequest()
        return self._read(lambda stubs: stubs.master.ListStorageNodes, request, pb.NodeList, timeout_seconds)

    def get_node(self, node_id: str, *, timeout_seconds: float | None = None) -> pb.NodeStatus:
        """One node. Raises ``NotFound``."""
        request = pb.NodeId(node_id=node_id)
        return self._read(lambda stubs: stubs.master.GetStorageNodeStatus, request, pb.NodeStatus, timeout_seconds)

    def list_events(self, request: pb.ListEventsRequest, *, timeout_seconds: float | None = None) -> pb.EventList:
        """A page of events."""
        return self._read(lambda stubs: stubs.master.ListEvents, request, pb.EventList, timeout_seconds)

    def read_node_log(self, request: pb.LogRequest, *, timeout_seconds: float | None = None) -> pb.LogChunk:
        """A piece of a node's log."""
        return self._read(lambda stubs: stubs.master.ReadNodeLog, request, pb.LogChunk, timeout_seconds)

    def list_node_samples(self, node_id: str, *, timeout_seconds: float | None = None) -> pb.NodeSampleList:
        """The measurements of a node that its agent has kept."""
        request = pb.NodeId(node_id=node_id)
        return self._read(lambda stubs: stubs.master.ListNodeSamples, request, pb.NodeSampleList, timeout_seconds)

    # -- access; the calls are in ``client.access`` --

    def call_access(
        self,
        method: Callable[[GridAccessStub], Callable[..., Any]],
        request: Message,
        response: type[M],
        *,
        timeout_seconds: float | None = None,
        repeatable: bool = False,
    ) -> M:
        """Make a call of GridAccess, without retries. ``repeatable``: again on a new connection if its own was dead."""
        self._refuse_when_closed()
        seconds = min(timeout_seconds or self._config.read_seconds, max(LAST_READ_SECONDS, self.seconds_left()))
        return self._connection.call(
            lambda stubs: method(stubs.access), request, response, seconds, repeatable=repeatable
        )

    # -- changes; an empty ``key`` is replaced by one of ``key_of`` --

    def spawn_node(self, spawn: pb.SpawnRequest, *, timeout_seconds: float | None = None) -> pb.SpawnResponse:
        """Start a new node. The request id of ``spawn``, if it has one, is the idempotency key."""
        request = pb.SpawnRequest()
        request.CopyFrom(spawn)
        request.request_id = spawn.request_id or self._key_of(spawn.agent_id)
        return self._change(lambda stubs: stubs.master.SpawnStorageNode, request, pb.SpawnResponse, timeout_seconds)

    def start_node(self, node_id: str, *, key: str = "", timeout_seconds: float | None = None) -> pb.NodeResult:
        """Start a stopped or failed node."""
        request = self._node_command(node_id, key)
        return self._change(lambda stubs: stubs.master.StartStorageNode, request, pb.NodeResult, timeout_seconds)

    def stop_node(
        self, node_id: str, *, for_drain: bool = False, key: str = "", timeout_seconds: float | None = None
    ) -> pb.StopResponse:
        """Stop a node, which stays known. ``for_drain``: the master remembers that the drain has stopped it."""
        request = pb.StopRequest(node_id=node_id, request_id=key or self._key_of(node_id), for_drain=for_drain)
        return self._change(lambda stubs: stubs.master.StopStorageNode, request, pb.StopResponse, timeout_seconds)

    def restart_node(self, node_id: str, *, key: str = "", timeout_seconds: float | None = None) -> pb.NodeResult:
        """Stop a node and start it again."""
        request = self._node_command(node_id, key)
        return self._change(lambda stubs: stubs.master.RestartStorageNode, request, pb.NodeResult, timeout_seconds)

    def remove_node(self, node_id: str, *, key: str = "", timeout_seconds: float | None = None) -> pb.NodeResult:
        """Stop a node and remove its record."""
        request = self._node_command(node_id, key)
        return self._change(lambda stubs: stubs.master.RemoveStorageNode, request, pb.NodeResult, timeout_seconds)

    def drain_agent(self, agent_id: str, *, key: str = "", timeout_seconds: float | None = None) -> pb.AgentRecord:
        """Keep new nodes away from an agent."""
        request = self._agent_command(agent_id, key)
        return self._change(lambda stubs: stubs.master.DrainAgent, request, pb.AgentRecord, timeout_seconds)

    def undrain_agent(self, agent_id: str, *, key: str = "", timeout_seconds: float | None = None) -> pb.AgentRecord:
        """Let an agent take new nodes again."""
        request = self._agent_command(agent_id, key)
        return self._change(lambda stubs: stubs.master.UndrainAgent, request, pb.AgentRecord, timeout_seconds)

    def remove_agent(
        self, agent_id: str, *, force: bool = False, key: str = "", timeout_seconds: float | None = None
    ) -> pb.Empty:
        """Remove the records of an offline agent and of its nodes. ``force``: also when its nodes may still run."""
        request = self._agent_command(agent_id, key)
        request.force = force
        return self._change(lambda stubs: stubs.master.RemoveAgent, request, pb.Empty, timeout_seconds)

    def _node_command(self, node_id: str, key: str) -> pb.NodeCommand:
        return pb.NodeCommand(node_id=node_id, request_id=key or self._key_of(node_id))

    def _agent_command(self, agent_id: str, key: str) -> pb.AgentCommand:
        return pb.AgentCommand(agent_id=agent_id, request_id=key or self._key_of(agent_id))

    # -- the policy --

    def _read(self, method: _Method, request: Message, response: type[M], timeout_seconds: float | None) -> M:
        self._refuse_when_closed()
        seconds = min(timeout_seconds or self._config.read_seconds, max(LAST_READ_SECONDS, self.seconds_left()))
        return self._connection.call(method, request, response, seconds, repeatable=True)

    def _change(self, method: _Method, request: Message, response: type[M], timeout_seconds: float | None) -> M:
        """Send a change that has its key; see ``send_change``."""

        def send(seconds: float) -> M:
            self._refuse_when_closed()
            return self._connection.call(method, request, response, seconds)

        left_seconds = self.seconds_left()
        if not left_seconds:
            raise NotSent(
                f"not sent: the timeout of {self.timeout_seconds:g} s had passed before its turn",
                reason=Reason.TIMED_OUT,
                hint="Run the command again, with a longer timeout if needed",
            )
        spec = ChangeSpec(
            min(timeout_seconds or min(self.timeout_seconds, self._config.change_seconds), left_seconds),
            self._config.retry,
            self._closed,
            lambda: self._connection.has_answered,
            self._config.hints.check_change,
        )
        return send_change(send, spec)

    def _refuse_when_closed(self) -> None:
        if self.is_closed:
            raise Unavailable(
                "this program stopped waiting for the master",
                reason=Reason.ENDING,
                hint="Changes that the master has received continue",
            )


def _open(target: str) -> grpc.Channel:
    return open_channel(target, keepalive=DENSE_KEEPALIVE)
