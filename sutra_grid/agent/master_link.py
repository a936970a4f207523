"""The calls that an agent makes to its master, as values and errors of the grid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

from sutra_grid.agent.access.revocations import FollowedRevocations
from sutra_grid.core.agent.sessions import HeartbeatInstruction, heartbeat_instruction
from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.core.samples import HostSample
from sutra_grid.core.types import Agent, Assignment, NodeReport, Reason
from sutra_grid.wire.connection import Connection, Opener, Peer
from sutra_grid.wire.convert import (
    agent_to_info,
    assignment_from_message,
    host_sample_to_message,
    node_report_to_message,
    revocations_from_message,
)
from sutra_grid.wire.errors import from_detail
from sutra_grid.wire.grid_pb2 import AgentId, Empty, HeartbeatRequest, HeartbeatResponse, RegistrationResponse
from sutra_grid.wire.grid_pb2_grpc import GridMasterStub

CALL_SECONDS: Final = 5.0
UNREGISTER_SECONDS: Final = 2.0

_MASTER: Final = Peer("the master", unreachable_reason=Reason.MASTER_UNREACHABLE)


@dataclass(frozen=True, slots=True)
class Registration:
    """The response of a master to a registration."""

    session_id: str
    master_version: str
    assignments: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True)
class HeartbeatAnswer:
    """The response of a master to a heartbeat."""

    acknowledged: bool
    instruction: HeartbeatInstruction
    message: str
    assignments: tuple[Assignment, ...]


class Master(Protocol):
    """The master as an agent sees it. Every method blocks for some seconds at most and raises ``GridError``."""

    def register(self, agent: Agent, reports: Iterable[NodeReport]) -> Registration:
        """Register with the full inventory. Raises also when the master refuses."""
        ...

    def heartbeat(
        self, agent_id: str, session_id: str, at_seconds: int, reports: list[NodeReport], host: HostSample | None
    ) -> HeartbeatAnswer:
        """Send a heartbeat with the full inventory."""
        ...

    def unregister(self, agent_id: str, session_id: str, reason: str) -> None:
        """Tell the master that the agent stops on purpose."""
        ...


class MasterLink:
    """Calls the master over one connection, which is opened by the first call. Threads may share it."""

    def __init__(
        self,
        target: str,
        opener: Opener | None = None,
        *,
        call_seconds: float = CALL_SECONDS,
        revocations: FollowedRevocations | None = None,
    ) -> None:
        """``opener`` opens TLS channels; without one they are plaintext. ``revocations`` follows the master's list."""
        self._target = target
        self._call_seconds = call_seconds
        self._revocations = revocations or FollowedRevocations()
        self._connection = Connection(target, _MASTER, GridMasterStub, opener)

    def register(self, agent: Agent, reports: Iterable[NodeReport]) -> Registration:
        """Register. Raises ``GridError``: the refusal, or that the master does not answer."""
        answer = self._connection.call(
            lambda stub: stub.RegisterAgent, agent_to_info(agent, reports), RegistrationResponse, self._call_seconds
        )
        if not answer.success:
            if answer.HasField("error"):
                raise from_detail(answer.error)
            raise FailedPrecondition(
                answer.error_message or f"the master {self._target} refused the registration",
                reason=Reason.UNSUPPORTED,
                hint="This master sent no reason. Find it in the events and the log of the master",
            )
        assignments = tuple(assignment_from_message(one) for one in answer.assignments)
        return Registration(answer.session_id, answer.master_version, assignments)

    def heartbeat(
        self, agent_id: str, session_id: str, at_seconds: int, reports: list[NodeReport], host: HostSample | None
    ) -> HeartbeatAnswer:
        """Send a heartbeat. Raises ``GridError`` when the master does not answer."""
        request = HeartbeatRequest(
            agent_id=agent_id,
            storage_node_count=len(reports),
            timestamp=at_seconds,
            session_id=session_id,
            nodes=[node_report_to_message(report) for report in reports],
            host=host_sample_to_message(host) if host else None,
            revocation_version=self._revocations.version,
        )
        answer = self._connection.call(lambda stub: stub.Heartbeat, request, HeartbeatResponse, self._call_seconds)
        if answer.HasField("revoked"):
            self._revocations.follow(revocations_from_message(answer.revoked))
        assignments = tuple(assignment_from_message(one) for one in answer.assignments)
        instruction = heartbeat_instruction(answer.instruction)
        return HeartbeatAnswer(answer.acknowledged, instruction, answer.message, assignments)

    def unregister(self, agent_id: str, session_id: str, reason: str) -> None:
        """Unregister. Raises ``GridError`` when the master does not answer."""
        request = AgentId(agent_id=agent_id, session_id=session_id, reason=reason)
        self._connection.call(lambda stub: stub.UnregisterAgent, request, Empty, UNREGISTER_SECONDS)

    def close(self) -> None:
        """End calls in flight and make no more. Any thread."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
