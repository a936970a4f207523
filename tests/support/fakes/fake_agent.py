"""An agent as the master sees one: a real gRPC server whose behaviour a test scripts, and a client of the master.

By itself it obeys: it journals what it is assigned and reports it as done. ``script`` replaces that for the next
calls of ``Apply``, one entry a call.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

import grpc

from support.fakes.in_memory_agent import InMemoryAgent
from sutra_grid.core.errors import GridError
from sutra_grid.core.samples import HostSample
from sutra_grid.core.types import Agent, Assignment, NodeExit, NodeReport, NodeState, Reason
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import (
    agent_to_info,
    assignment_from_message,
    host_sample_to_message,
    node_report_to_message,
)
from sutra_grid.wire.errors import handle_errors
from sutra_grid.wire.grid_pb2_grpc import GridAgentServicer, GridMasterStub, add_GridAgentServicer_to_server
from sutra_grid.wire.server import ServerLimits, serve

Behaviour = Callable[["FakeAgent", Assignment], NodeReport]


class FakeAgent(GridAgentServicer):
    """One agent process. ``journal`` is what it would report in an inventory."""

    def __init__(self, agent_id: str = "agent-1", *, host_id: str = "", slots: int = 10, instance: str = "process-1"):
        self.agent_id = agent_id
        self.host_id = host_id or f"host-of-{agent_id}"
        self.instance_id = instance
        self.slots = slots
        self.interval_ms = 5_000
        self.host = HostSample(cpu_count=4)
        self.session_id = ""
        self._obedient = InMemoryAgent(agent_id)
        self.script: deque[Behaviour] = deque()
        self.applied: list[Assignment] = []
        self.instructions: list[str] = []
        self._lock = threading.Lock()
        adder = {"grid.GridAgent": lambda server: add_GridAgentServicer_to_server(self, server)}
        self._server = serve(
            adder, host="127.0.0.1", port=0, limits=ServerLimits(workers=8, calls=64), name=f"fake-{agent_id}"
        )
        self.endpoint = self._server.address

    @property
    def journal(self) -> dict[str, NodeReport]:
        return self._obedient.journal

    # -- as a server --

    @handle_errors
    def Apply(self, request: pb.Assignment, context: grpc.ServicerContext) -> pb.NodeReport:  # noqa: N802
        assignment = assignment_from_message(request)
        with self._lock:
            self.applied.append(assignment)
            behaviour = self.script.popleft() if self.script else obey
        return node_report_to_message(behaviour(self, assignment))

    @handle_errors
    def ReadNodeLog(self, request: pb.LogRequest, context: grpc.ServicerContext) -> pb.LogChunk:  # noqa: N802
        return pb.LogChunk(data=f"log of {request.node_id}\n".encode(), cursor="end")

    @handle_errors
    def ListNodeSamples(self, request: pb.NodeId, context: grpc.ServicerContext) -> pb.NodeSampleList:  # noqa: N802
        return pb.NodeSampleList(samples=[pb.NodeSample(at_ms=1, rss_bytes=2)])

    @handle_errors
    def Identify(self, request: pb.Empty, context: grpc.ServicerContext) -> pb.AgentInfo:  # noqa: N802
        return pb.AgentInfo(agent_id=self.agent_id, host_id=self.host_id)

    def obey(self, assignment: Assignment) -> NodeReport:
        """Journal it and report it as done, as a real agent's fast nodes do."""
        with self._lock:
            return self._obedient.obey(assignment)

    # -- as a client --

    def info(self) -> pb.AgentInfo:
        agent = Agent(
            agent_id=self.agent_id,
            hostname=f"{self.host_id}.example",
            platform="desktop",
            max_storage_nodes=self.slots,
            version="1.2.3",
            endpoint=self.endpoint,
            host_id=self.host_id,
            instance_id=self.instance_id,
            heartbeat_interval_ms=self.interval_ms,
            engines=("redis", "storage"),
            labels={"rack": "r1"},
            data_path="/data",
            host=replace(self.host, at_ms=1),
        )
        return agent_to_info(agent, self.journal.values())

    def register(self, stub: GridMasterStub) -> pb.RegistrationResponse:
        answer: pb.RegistrationResponse = stub.RegisterAgent(self.info(), timeout=10)
        if answer.success:
            self.session_id = answer.session_id
            self._follow(answer.assignments)
        return answer

    def heartbeat(self, stub: GridMasterStub) -> pb.HeartbeatResponse:
        """One heartbeat; what the answer assigns is carried out."""
        request = pb.HeartbeatRequest(
            agent_id=self.agent_id,
            storage_node_count=len(self.journal),
            timestamp=1,
            session_id=self.session_id,
            nodes=[node_report_to_message(report) for report in self.journal.values()],
            host=host_sample_to_message(replace(self.host, at_ms=2)),
        )
        answer: pb.HeartbeatResponse = stub.Heartbeat(request, timeout=10)
        self.instructions.append(answer.instruction)
        self._follow(answer.assignments)
        return answer

    def restarted(self, instance: str = "process-2") -> FakeAgent:
        """A newer process of the same agent, with the same state directory."""
        newer = FakeAgent(self.agent_id, host_id=self.host_id, slots=self.slots, instance=instance)
        newer.journal.update(self.journal)
        return newer

    def _follow(self, assignments: Sequence[pb.Assignment]) -> None:
        for message in assignments:
            self.obey(assignment_from_message(message))

    def stop(self) -> None:
        self._server.stop(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


# -- behaviours for scripts ----------------------------------------------------


def obey(agent: FakeAgent, assignment: Assignment) -> NodeReport:
    return agent.obey(assignment)


def refuse(error: GridError) -> Behaviour:
    """The agent's checks refuse; nothing is journaled."""

    def behave(agent: FakeAgent, assignment: Assignment) -> NodeReport:
        raise error

    return behave


def crash(agent: FakeAgent, assignment: Assignment) -> NodeReport:
    """The process is started, and ends at once."""
    running = agent.obey(assignment)
    report = replace(
        running,
        state=NodeState.FAILED,
        pid=0,
        reason=Reason.START_FAILED,
        message="it ended before it was ready",
        exits=(NodeExit(code=3, signal=0, at_ms=1_000, uptime_ms=20, reason=Reason.START_FAILED),),
        log_tail=("cannot open database", "giving up"),
    )
    agent.journal[assignment.node_id] = report
    return report


def hang(until: threading.Event, *, having_obeyed: bool = False) -> Behaviour:
    """The answer does not come before the event; the work may have been done."""

    def behave(agent: FakeAgent, assignment: Assignment) -> NodeReport:
        if having_obeyed:
            agent.obey(assignment)
        until.wait(30)
        return agent.obey(assignment)

    return behave
