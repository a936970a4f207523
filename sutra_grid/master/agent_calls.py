"""Calls to agents, over one connection per agent. It opens when it is needed and follows the agent's endpoint."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message

from sutra_grid.core.errors import NotFound, Unavailable, Unimplemented
from sutra_grid.core.types import Agent, Assignment, NodeReport, Reason
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.connection import Connection, NoAnswer, Opener, Peer, PeerUnreachable
from sutra_grid.wire.convert import assignment_to_message, node_report_from_message
from sutra_grid.wire.grid_pb2_grpc import GridAgentStub

Response = TypeVar("Response", bound=Message)


class AgentCaller(Protocol):
    """What the master asks of agents. Every call raises ``GridError``.

    It is the agent's own refusal, unchanged. Without an answer it is ``Unavailable`` (``agent_unreachable``)
    or ``DeadlineExceeded``.
    """

    def apply(self, agent: Agent, assignment: Assignment, timeout_seconds: float) -> NodeReport:
        """Send an assignment and return the node's report after it."""
        ...

    def read_log(self, agent: Agent, request: pb.LogRequest, timeout_seconds: float) -> pb.LogChunk:
        """A piece of a node's log."""
        ...

    def samples(self, agent: Agent, node_id: str, timeout_seconds: float) -> pb.NodeSampleList:
        """The measurements of a node that the agent has kept."""
        ...

    def identify(self, agent: Agent, timeout_seconds: float) -> pb.AgentInfo:
        """Who answers at the agent's endpoint, over a new connection.

        The reason of the error says why nobody does: ``connection_refused``, ``timed_out``, ``unresolvable_name``,
        ``unsupported`` for another program, or ``agent_unreachable``.
        """
        ...

    def forget(self, agent_id: str) -> None:
        """Keep nothing for an agent that was removed."""
        ...


class AgentCalls:
    """The real ``AgentCaller``. Thread-safe; every call blocks up to its timeout. Close it at the end."""

    def __init__(
        self,
        opener_of: Callable[[str], Opener | None] = lambda agent_id: None,
        is_revoked: Callable[[str], bool] = lambda agent_id: False,
    ) -> None:
        """``opener_of`` gives what opens channels to the agent of an id; None opens plaintext ones.

        ``is_revoked`` says whether all certificates of an agent are: then it is not called, whoever answers there.
        """
        self._opener_of = opener_of
        self._is_revoked = is_revoked
        self._lock = threading.Lock()
        self._connections: dict[str, Connection[GridAgentStub]] = {}  # by agent id; guarded by _lock
        self._closed = False  # guarded by _lock

    def apply(self, agent: Agent, assignment: Assignment, timeout_seconds: float) -> NodeReport:
        """Send an assignment and return the node's report after it."""
        message = assignment_to_message(assignment)
        report = self._call(agent, lambda stub: stub.Apply, message, pb.NodeReport, timeout_seconds)
        return node_report_from_message(report)

    def read_log(self, agent: Agent, request: pb.LogRequest, timeout_seconds: float) -> pb.LogChunk:
        """A piece of a node's log."""
        return self._call(agent, lambda stub: stub.ReadNodeLog, request, pb.LogChunk, timeout_seconds)

    def samples(self, agent: Agent, node_id: str, timeout_seconds: float) -> pb.NodeSampleList:
        """The measurements of a node that the agent has kept."""
        request = pb.NodeId(node_id=node_id)
        return self._call(agent, lambda stub: stub.ListNodeSamples, request, pb.NodeSampleList, timeout_seconds)

    def identify(self, agent: Agent, timeout_seconds: float) -> pb.AgentInfo:
        """Who answers there. An agent of an older version is taken for the right one if it answers as an agent."""
        opener = self._opener_of(agent.agent_id)
        with Connection(agent.endpoint, _peer(agent.agent_id), GridAgentStub, opener) as connection:
            try:
                self._check_not_revoked(agent)
                return connection.call(lambda stub: stub.Identify, pb.Empty(), pb.AgentInfo, timeout_seconds)
            except Unimplemented:
                return self._identify_older(connection, agent, timeout_seconds)
            except PeerUnreachable as error:
                raise Unavailable(error.message, reason=error.cause, hint=error.hint) from error
            except NoAnswer as error:
                message = f"nothing answered at {agent.endpoint} in {timeout_seconds:g} s"
                raise NoAnswer(message, reason=Reason.TIMED_OUT, hint=error.hint) from error

    @staticmethod
    def _identify_older(connection: Connection[GridAgentStub], agent: Agent, timeout_seconds: float) -> pb.AgentInfo:
        try:
            connection.call(lambda stub: stub.ListNodeSamples, pb.NodeId(), pb.NodeSampleList, timeout_seconds)
        except NotFound:
            return pb.AgentInfo(agent_id=agent.agent_id)
        except Unimplemented as error:
            raise Unimplemented(
                f"the program at {agent.endpoint} is no agent", reason=Reason.UNSUPPORTED, hint=error.hint
            ) from error
        return pb.AgentInfo(agent_id=agent.agent_id)

    def forget(self, agent_id: str) -> None:
        """Close the connection to an agent that was removed."""
        with self._lock:
            connection = self._connections.pop(agent_id, None)
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close every connection; calls in flight fail."""
        with self._lock:
            self._closed = True
            connections, self._connections = self._connections, {}
        for connection in connections.values():
            connection.close()

    def _call(
        self,
        agent: Agent,
        method: Callable[[GridAgentStub], Callable[..., Any]],
        request: Message,
        response: type[Response],
        timeout_seconds: float,
    ) -> Response:
        """Everything that is called here may safely arrive twice."""
        self._check_not_revoked(agent)
        return self._connection(agent).call(method, request, response, timeout_seconds, repeatable=True)

    def _check_not_revoked(self, agent: Agent) -> None:
        if self._is_revoked(agent.agent_id):
            raise PeerUnreachable(
                f"agent {agent.agent_id} is revoked and is not called",
                reason=Reason.AGENT_UNREACHABLE,
                hint=f"Take this back with 'sutra-grid-cli tls restore agent/{agent.agent_id}', or act on its host",
                may_have_arrived=False,
                cause=Reason.CERTIFICATE_REVOKED,
            )

    def _connection(self, agent: Agent) -> Connection[GridAgentStub]:
        """The connection to the agent, at the address that it has now."""
        with self._lock:
            if self._closed:
                raise Unavailable("the master is stopping", reason=Reason.ENDING, hint="Try again when it is back")
            connection = self._connections.get(agent.agent_id)
            if connection is None:
                opener = self._opener_of(agent.agent_id)
                connection = Connection(agent.endpoint, _peer(agent.agent_id), GridAgentStub, opener)
                self._connections[agent.agent_id] = connection
        connection.redirect(agent.endpoint)
        return connection


def _peer(agent_id: str) -> Peer:
    return Peer(
        f"agent {agent_id}",
        unreachable_reason=Reason.AGENT_UNREACHABLE,
        unreachable_hint="Check that the agent runs and that its [agent] advertise address "
        "can be reached from the master",
        no_answer_reason=Reason.AGENT_UNREACHABLE,
        no_answer_hint="See the agent's log. A desired state that it missed reaches it with its next heartbeat",
    )
