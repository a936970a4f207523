"""The gRPC service of an agent, which the master calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import grpc

from sutra_grid.agent.inventory import Inventory
from sutra_grid.agent.logs import Chunk, NodeLogs
from sutra_grid.agent.resources.sampler import ResourceSampler
from sutra_grid.agent.supervision.supervisor import Supervisor
from sutra_grid.core.errors import FailedPrecondition, NotFound
from sutra_grid.core.types import Agent, Reason
from sutra_grid.runtime.clock import Clock
from sutra_grid.runtime.steps import Step, reached
from sutra_grid.wire import grid_pb2
from sutra_grid.wire.convert import (
    assignment_from_message,
    node_report_to_message,
    node_sample_to_message,
)
from sutra_grid.wire.errors import handle_errors
from sutra_grid.wire.grid_pb2_grpc import GridAgentServicer
from sutra_grid.wire.text import utf8

ANSWER_MARGIN_SECONDS: Final = 0.5  # so that the response arrives before the caller's deadline
DEFAULT_WAIT_SECONDS: Final = 30.0  # for a caller without a deadline
MAX_WAIT_SECONDS: Final = 300.0  # a call occupies a worker thread no longer than this


class GridAgentService(GridAgentServicer):
    """Thread-safe. ``Apply`` occupies its worker thread until the node has settled."""

    def __init__(
        self,
        supervisor: Supervisor,
        inventory: Inventory,
        logs: NodeLogs,
        sampler: ResourceSampler,
        clock: Clock,
        identify: Callable[[], Agent],
    ) -> None:
        self._supervisor = supervisor
        self._inventory = inventory
        self._logs = logs
        self._sampler = sampler
        self._clock = clock
        self._identify = identify

    @handle_errors
    def Apply(self, request: grid_pb2.Assignment, context: grpc.ServicerContext) -> grid_pb2.NodeReport:  # noqa: N802
        """Take an assignment; respond when the node has settled, or shortly before the deadline."""
        remaining = context.time_remaining()
        wait_seconds = DEFAULT_WAIT_SECONDS if remaining is None else remaining - ANSWER_MARGIN_SECONDS
        deadline = self._clock.monotonic() + min(max(wait_seconds, 0.0), MAX_WAIT_SECONDS)
        report = self._supervisor.apply(
            assignment_from_message(request), deadline, give_up=lambda: not context.is_active()
        )
        reached(Step.REPORT_DUE)
        return node_report_to_message(report)

    @handle_errors
    def ListNodes(self, request: grid_pb2.Empty, context: grpc.ServicerContext) -> grid_pb2.NodeReportList:  # noqa: N802
        """The full inventory."""
        return grid_pb2.NodeReportList(nodes=[node_report_to_message(one) for one in self._inventory.reports()])

    @handle_errors
    def ReadNodeLog(self, request: grid_pb2.LogRequest, context: grpc.ServicerContext) -> grid_pb2.LogChunk:  # noqa: N802
        """A chunk of a node's log. To follow the log, read on from the cursor of the response."""
        chunk = self._read_log(request)
        return grid_pb2.LogChunk(
            data=chunk.data,
            cursor=chunk.cursor,
            rotated=chunk.rotated,
            more=chunk.more,
            omitted_lines=chunk.omitted_lines,
            omitted_cursor=chunk.omitted_cursor,
            note=utf8(chunk.note),
        )

    @handle_errors
    def ListNodeSamples(self, request: grid_pb2.NodeId, context: grpc.ServicerContext) -> grid_pb2.NodeSampleList:  # noqa: N802
        """The resource samples of a node that the agent keeps."""
        if self._inventory.find(request.node_id) is None:
            raise NotFound(
                f"the agent has no node {request.node_id}",
                reason=Reason.UNKNOWN_NODE,
                hint="Find its agent with: sutra-grid-cli nodes list",
            )
        samples = self._sampler.history(request.node_id)
        return grid_pb2.NodeSampleList(samples=[node_sample_to_message(sample) for sample in samples])

    @handle_errors
    def Identify(self, request: grid_pb2.Empty, context: grpc.ServicerContext) -> grid_pb2.AgentInfo:  # noqa: N802
        """Who answers here."""
        agent = self._identify()
        return grid_pb2.AgentInfo(
            agent_id=agent.agent_id,
            hostname=agent.hostname,
            version=agent.version,
            host_id=agent.host_id,
            instance_id=agent.instance_id,
        )

    def _read_log(self, request: grid_pb2.LogRequest) -> Chunk:
        report = self._inventory.find(request.node_id)
        try:
            chunk = self._logs.read(
                request.node_id,
                cursor=request.cursor,
                tail_lines=request.tail_lines,
                max_bytes=request.max_bytes,
            )
        except NotFound as error:
            if report is None:
                raise
            if report.pid or report.exits or report.restarts:
                raise _log_moved(request.node_id, error.message) from error
            return Chunk(b"", "0")  # the node exists and was not started yet
        if report is not None and report.pid and chunk.note and not (chunk.data or request.cursor):
            raise _log_moved(request.node_id, chunk.note)
        return chunk


def _log_moved(node_id: str, why: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"the log of node {node_id} has nothing to read: {why}",
        reason=Reason.LOG_MOVED,
        hint=f"Look for the file where it was moved to. sutra-grid-cli nodes restart {node_id} opens a new one",
    )
