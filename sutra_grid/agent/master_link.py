"""The calls that an agent makes to its master, as values and errors of the grid."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

import grpc

from sutra_grid.core.errors import DeadlineExceeded, FailedPrecondition
from sutra_grid.core.sessions import HeartbeatInstruction, heartbeat_instruction
from sutra_grid.core.types import Agent, Assignment, HostSample, NodeReport, Reason
from sutra_grid.wire.channels import open_channel
from sutra_grid.wire.convert import (
    agent_to_info,
    assignment_from_message,
    host_sample_to_message,
    node_report_to_message,
)
from sutra_grid.wire.errors import from_detail, from_rpc_error
from sutra_grid.wire.grid_pb2 import AgentId, HeartbeatRequest
from sutra_grid.wire.grid_pb2_grpc import GridMasterStub

CALL_SECONDS: Final = 5.0
FAREWELL_SECONDS: Final = 2.0
RECONNECT_SECONDS: Final = 1.0  # a master that is back must see its agents within one heartbeat


@dataclass(frozen=True, slots=True)
class Registration:
    """What a master answers to an agent that it admits."""

    session_id: str
    master_version: str
    assignments: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True)
class HeartbeatAnswer:
    """What a master answers to a heartbeat."""

    acknowledged: bool
    instruction: HeartbeatInstruction
    message: str
    assignments: tuple[Assignment, ...]


class Master(Protocol):
    """The master as an agent sees it. Every method blocks for some seconds at most and raises ``GridError``."""

    def register(self, agent: Agent, reports: Iterable[NodeReport]) -> Registration:
        """Be admitted, with the full inventory."""
        ...

    def heartbeat(
        self, agent_id: str, session_id: str, at_seconds: int, reports: list[NodeReport], host: HostSample | None
    ) -> HeartbeatAnswer:
        """Say that the agent lives, and all it knows."""
        ...

    def unregister(self, agent_id: str, session_id: str, reason: str) -> None:
        """Say that it ends on purpose."""
        ...


class MasterLink:
    """One channel to the master. Nothing is connected before the first call; calls from one thread at a time.

    After a call that got no answer in time the next one goes over a new connection. The old one may be open on this
    side only (a firewall forgot it, the master's host was replaced), and its keepalive would tell no sooner than in
    40 s: by then the agent is offline.
    """

    def __init__(self, target: str, *, call_seconds: float = CALL_SECONDS) -> None:
        self._target = target
        self._call_seconds = call_seconds
        self._lock = threading.Lock()
        self._closed = False  # guarded by _lock
        self._channel = self._open()  # replaced under _lock

    def _open(self) -> grpc.Channel:
        return open_channel(self._target, max_reconnect_seconds=RECONNECT_SECONDS)

    @property
    def _stub(self) -> GridMasterStub:
        return GridMasterStub(self._channel)

    def register(self, agent: Agent, reports: Iterable[NodeReport]) -> Registration:
        """Raises ``GridError``: the refusal, or that nobody answers."""
        with self._errors():
            answer = self._stub.RegisterAgent(agent_to_info(agent, reports), timeout=self._call_seconds)
        if not answer.success:
            if answer.HasField("error"):
                raise from_detail(answer.error)
            raise FailedPrecondition(
                answer.error_message or f"the master {self._target} refused the registration",
                reason=Reason.UNSUPPORTED,
                hint="The master is of a version that gives no reasons; see its events and log",
            )
        assignments = tuple(assignment_from_message(one) for one in answer.assignments)
        return Registration(answer.session_id, answer.master_version, assignments)

    def heartbeat(
        self, agent_id: str, session_id: str, at_seconds: int, reports: list[NodeReport], host: HostSample | None
    ) -> HeartbeatAnswer:
        """Raises ``GridError`` when nobody answers."""
        request = HeartbeatRequest(
            agent_id=agent_id,
            storage_node_count=len(reports),
            timestamp=at_seconds,
            session_id=session_id,
            nodes=[node_report_to_message(report) for report in reports],
            host=host_sample_to_message(host) if host else None,
        )
        with self._errors():
            answer = self._stub.Heartbeat(request, timeout=self._call_seconds)
        assignments = tuple(assignment_from_message(one) for one in answer.assignments)
        instruction = heartbeat_instruction(answer.instruction)
        return HeartbeatAnswer(answer.acknowledged, instruction, answer.message, assignments)

    def unregister(self, agent_id: str, session_id: str, reason: str) -> None:
        """Raises ``GridError`` when nobody answers."""
        request = AgentId(agent_id=agent_id, session_id=session_id, reason=reason)
        with self._errors():
            self._stub.UnregisterAgent(request, timeout=FAREWELL_SECONDS)

    def close(self) -> None:
        """End calls under way. Any thread."""
        with self._lock:
            self._closed = True
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except grpc.RpcError as error:
            known = from_rpc_error(error, self._target)
            if isinstance(known, DeadlineExceeded):
                self._reconnect()
            raise known from error

    def _reconnect(self) -> None:
        with self._lock:
            if self._closed:
                return
            old, self._channel = self._channel, self._open()
        old.close()
