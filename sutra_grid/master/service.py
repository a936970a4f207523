"""The GridMaster service: converts wire messages and delegates. It decides nothing itself."""
# ruff: noqa: N802 - methods have the names of the wire

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import grpc

from sutra_grid import __version__
from sutra_grid.core.errors import GridError, InvalidArgument, ResourceExhausted, Unavailable
from sutra_grid.core.types import NodeReport
from sutra_grid.master.access.revocations import RevocationBook
from sutra_grid.master.commands.handler import CommandHandler
from sutra_grid.master.commands.nodes import Command
from sutra_grid.master.concurrency_limit import ConcurrencyLimit
from sutra_grid.master.membership.heartbeat_handler import Heartbeat, HeartbeatHandler
from sutra_grid.master.membership.registrar import Registrar
from sutra_grid.master.reads.events import EventReads
from sutra_grid.master.reads.forwarded import ForwardedReads
from sutra_grid.master.reads.views import Views
from sutra_grid.runtime.clock import Clock
from sutra_grid.runtime.logging import get_logger
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import (
    agent_from_info,
    assignment_to_message,
    host_sample_from_message,
    node_report_from_message,
    revocations_to_message,
)
from sutra_grid.wire.errors import error_detail, handle_errors
from sutra_grid.wire.grid_pb2_grpc import GridMasterServicer

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that answer the calls."""

    registrar: Registrar
    admissions: ConcurrencyLimit
    heartbeats: HeartbeatHandler
    commands: CommandHandler
    views: Views
    forwarded_reads: ForwardedReads
    event_reads: EventReads
    revocations: RevocationBook


class MasterService(GridMasterServicer):
    """Converts each request, delegates it, and converts the result."""

    def __init__(self, parts: Parts, clock: Clock, default_interval_ms: int) -> None:
        self._parts = parts
        self._clock = clock
        self._default_interval_ms = default_interval_ms

    # -- called by agents --

    @handle_errors
    def RegisterAgent(self, request: pb.AgentInfo, context: grpc.ServicerContext) -> pb.RegistrationResponse:
        """Register an agent. A refusal is ``success=false``; a temporary failure is an error status."""
        try:
            agent = agent_from_info(request)
            if not request.heartbeat_interval_ms:
                agent = replace(agent, heartbeat_interval_ms=self._default_interval_ms)
            reports = [node_report_from_message(node) for node in request.nodes]
            with self._parts.admissions.taken():  # each one waits for the registry; heartbeats must find a thread
                registered = self._parts.registrar.register(agent, reports)
        except (Unavailable, ResourceExhausted):
            raise
        except GridError as error:
            return pb.RegistrationResponse(
                success=False, master_version=__version__, error_message=str(error), error=error_detail(error)
            )
        return pb.RegistrationResponse(
            success=True,
            master_version=__version__,
            session_id=registered.session_id,
            assignments=[assignment_to_message(assignment) for assignment in registered.assignments],
        )

    @handle_errors
    def Heartbeat(self, request: pb.HeartbeatRequest, context: grpc.ServicerContext) -> pb.HeartbeatResponse:
        """Record a heartbeat with the agent's inventory."""
        answer = self._parts.heartbeats.receive(
            Heartbeat(
                agent_id=request.agent_id,
                session_id=request.session_id,
                nodes=_readable_inventory(request),
                host=host_sample_from_message(request.host) if request.HasField("host") else None,
                claimed_nodes=request.storage_node_count,
            )
        )
        return pb.HeartbeatResponse(
            acknowledged=answer.acknowledged,
            timestamp=int(self._clock.wall()),
            assignments=[assignment_to_message(assignment) for assignment in answer.assignments],
            instruction=answer.instruction,
            message=answer.message,
            revoked=revocations_to_message(self._parts.revocations.newer_than(request.revocation_version)),
        )

    @handle_errors
    def UnregisterAgent(self, request: pb.AgentId, context: grpc.ServicerContext) -> pb.Empty:
        """Unregister an agent that stops on purpose."""
        self._parts.registrar.unregister(request.agent_id, request.session_id, request.reason)
        return pb.Empty()

    # -- nodes --

    @handle_errors
    def SpawnStorageNode(self, request: pb.SpawnRequest, context: grpc.ServicerContext) -> pb.SpawnResponse:
        """Spawn a node."""
        return self._parts.commands.spawn(request, context.time_remaining())

    @handle_errors
    def StopStorageNode(self, request: pb.StopRequest, context: grpc.ServicerContext) -> pb.StopResponse:
        """Stop a node."""
        return self._parts.commands.stop(request, context.time_remaining())

    @handle_errors
    def StartStorageNode(self, request: pb.NodeCommand, context: grpc.ServicerContext) -> pb.NodeResult:
        """Start a node."""
        return self._parts.commands.command(Command.START, request, context.time_remaining())

    @handle_errors
    def RestartStorageNode(self, request: pb.NodeCommand, context: grpc.ServicerContext) -> pb.NodeResult:
        """Restart a node."""
        return self._parts.commands.command(Command.RESTART, request, context.time_remaining())

    @handle_errors
    def RemoveStorageNode(self, request: pb.NodeCommand, context: grpc.ServicerContext) -> pb.NodeResult:
        """Remove a node. Its data stays."""
        return self._parts.commands.command(Command.REMOVE, request, context.time_remaining())

    @handle_errors
    def GetStorageNodeStatus(self, request: pb.NodeId, context: grpc.ServicerContext) -> pb.NodeStatus:
        """Get one node."""
        return self._parts.views.node_by_id(request.node_id)

    @handle_errors
    def ListStorageNodes(self, request: pb.ListNodesRequest, context: grpc.ServicerContext) -> pb.NodeList:
        """List nodes."""
        return self._parts.views.nodes(request)

    @handle_errors
    def ReadNodeLog(self, request: pb.LogRequest, context: grpc.ServicerContext) -> pb.LogChunk:
        """Read a part of a node's log from its agent."""
        return self._parts.forwarded_reads.log(request)

    @handle_errors
    def ListNodeSamples(self, request: pb.NodeId, context: grpc.ServicerContext) -> pb.NodeSampleList:
        """List a node's recent measurements from its agent."""
        return self._parts.forwarded_reads.samples(request.node_id)

    # -- agents --

    @handle_errors
    def ListAgents(self, request: pb.Empty, context: grpc.ServicerContext) -> pb.AgentList:
        """List all agents with their nodes."""
        return self._parts.views.agents()

    @handle_errors
    def GetAgent(self, request: pb.AgentId, context: grpc.ServicerContext) -> pb.AgentRecord:
        """Get one agent with its nodes."""
        return self._parts.views.agent(request.agent_id)

    @handle_errors
    def DrainAgent(self, request: pb.AgentCommand, context: grpc.ServicerContext) -> pb.AgentRecord:
        """Close an agent for new nodes."""
        return self._parts.commands.set_drained(request, drained=True)

    @handle_errors
    def UndrainAgent(self, request: pb.AgentCommand, context: grpc.ServicerContext) -> pb.AgentRecord:
        """Open an agent for new nodes again."""
        return self._parts.commands.set_drained(request, drained=False)

    @handle_errors
    def RemoveAgent(self, request: pb.AgentCommand, context: grpc.ServicerContext) -> pb.Empty:
        """Remove an offline agent."""
        return self._parts.commands.remove_agent(request)

    # -- cluster --

    @handle_errors
    def GetClusterStatus(self, request: pb.Empty, context: grpc.ServicerContext) -> pb.ClusterStatus:
        """Get the counts of the cluster and its overall status."""
        return self._parts.views.cluster()

    @handle_errors
    def ListEvents(self, request: pb.ListEventsRequest, context: grpc.ServicerContext) -> pb.EventList:
        """List events."""
        return self._parts.event_reads.read(request)


def _readable_inventory(request: pb.HeartbeatRequest) -> Sequence[NodeReport] | None:
    """The reports. None: one cannot be read; then the heartbeat counts for liveness and nothing is reconciled."""
    try:
        return [node_report_from_message(node) for node in request.nodes]
    except InvalidArgument as error:
        log.warning("inventory cannot be read", agent=request.agent_id, why=error)
        return None
