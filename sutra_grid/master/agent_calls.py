"""Calls to agents: one channel an agent, opened when it is needed, replaced when its endpoint changes.

A call that found no connection is made once more on a fresh channel: everything that is called
here may safely come twice, and an agent that was just restarted would otherwise be kept waiting by
the reconnection back-off of the old channel. After a call that got no answer in time the next one
goes over a fresh channel too: the connection may be open on this side only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message

from sutra_grid.core.errors import Aborted, DeadlineExceeded, GridError, Unavailable
from sutra_grid.core.types import Agent, Assignment, NodeReport, Reason
from sutra_grid.runtime import correlation_id
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.channels import open_channel
from sutra_grid.wire.convert import assignment_to_message, node_report_from_message
from sutra_grid.wire.correlation_ids import metadata_of
from sutra_grid.wire.errors import from_rpc_error
from sutra_grid.wire.grid_pb2_grpc import GridAgentStub

#: A call that failed later than this did not fail for an old channel's back-off.
QUICK_FAILURE_SECONDS = 2.0


class AgentCaller(Protocol):
    """What the master asks of agents. Each raises ``GridError``: the agent's own refusal as it came,
    ``Unavailable`` (``agent_unreachable``) or ``DeadlineExceeded`` when no answer did."""

    def apply(self, agent: Agent, assignment: Assignment, timeout_seconds: float) -> NodeReport:
        """Have the assignment carried out; the node as it is then."""
        ...

    def read_log(self, agent: Agent, request: pb.LogRequest, timeout_seconds: float) -> pb.LogChunk:
        """A piece of a node's log."""
        ...

    def samples(self, agent: Agent, node_id: str, timeout_seconds: float) -> pb.NodeSampleList:
        """The measurements of a node that the agent has kept."""
        ...

    def forget(self, agent_id: str) -> None:
        """An agent was removed: nothing is kept for it any more."""
        ...


@dataclass(eq=False, slots=True)
class _Line:
    endpoint: str
    channel: grpc.Channel
    stub: GridAgentStub
    calls: int = 0  # under way; guarded by the lock of AgentCalls, as the next
    left: bool = False  # no new call comes; the last one that is under way closes the channel


class AgentCalls:
    """The real ``AgentCaller``. Thread-safe; every call blocks up to its timeout. Close it at the end."""

    def __init__(self, open_: Callable[[str], grpc.Channel] = open_channel) -> None:
        self._open = open_
        self._lock = threading.Lock()
        self._lines: dict[str, _Line] = {}  # by agent id; guarded by _lock
        self._closed = False

    def apply(self, agent: Agent, assignment: Assignment, timeout_seconds: float) -> NodeReport:
        """Have the assignment carried out; the node as it is then."""
        message = assignment_to_message(assignment)
        report: pb.NodeReport = self._call(agent, timeout_seconds, "Apply", message)
        return node_report_from_message(report)

    def read_log(self, agent: Agent, request: pb.LogRequest, timeout_seconds: float) -> pb.LogChunk:
        """A piece of a node's log."""
        chunk: pb.LogChunk = self._call(agent, timeout_seconds, "ReadNodeLog", request)
        return chunk

    def samples(self, agent: Agent, node_id: str, timeout_seconds: float) -> pb.NodeSampleList:
        """The measurements of a node that the agent has kept."""
        request = pb.NodeId(node_id=node_id)
        samples: pb.NodeSampleList = self._call(agent, timeout_seconds, "ListNodeSamples", request)
        return samples

    def forget(self, agent_id: str) -> None:
        """Close the channel of an agent that was removed."""
        with self._lock:
            line = self._lines.pop(agent_id, None)
        if line is not None:
            line.channel.close()

    def close(self) -> None:
        """Close every channel; calls under way fail."""
        with self._lock:
            self._closed = True
            lines, self._lines = self._lines, {}
        for line in lines.values():
            line.channel.close()

    def _call(self, agent: Agent, timeout_seconds: float, method: str, request: Message) -> Any:
        metadata = metadata_of(correlation_id.current())
        started = time.monotonic()
        with self._line(agent) as line:
            try:
                return getattr(line.stub, method)(request, timeout=timeout_seconds, metadata=metadata)
            except grpc.RpcError as error:
                waited = time.monotonic() - started
                if isinstance(from_rpc_error(error), DeadlineExceeded):
                    self._leave(agent.agent_id, line)
                if not _found_no_connection(error) or waited > QUICK_FAILURE_SECONDS:
                    raise _explained(agent, error) from error
            self._leave(agent.agent_id, line)
            line.channel.close()
        with self._line(agent) as line:
            try:
                return getattr(line.stub, method)(request, timeout=timeout_seconds - waited, metadata=metadata)
            except grpc.RpcError as error:
                raise _explained(agent, error) from error

    @contextmanager
    def _line(self, agent: Agent) -> Iterator[_Line]:
        """The agent's line, for one call."""
        line = self._take(agent)
        try:
            yield line
        finally:
            with self._lock:
                line.calls -= 1
                is_last = line.left and line.calls == 0
            if is_last:
                line.channel.close()

    def _take(self, agent: Agent) -> _Line:
        with self._lock:
            if self._closed:
                raise Unavailable("the master is stopping", reason=Reason.ENDING, hint="try again when it is back")
            line = self._lines.get(agent.agent_id)
            if line is not None and line.endpoint == agent.endpoint:
                line.calls += 1
                return line
            channel = self._open(agent.endpoint)
            fresh = _Line(agent.endpoint, channel, GridAgentStub(channel), calls=1)
            self._lines[agent.agent_id] = fresh
        if line is not None:
            line.channel.close()
        return fresh

    def _leave(self, agent_id: str, line: _Line) -> None:
        """Have the next call open a new line. Calls that are under way on this one go on."""
        with self._lock:
            line.left = True
            if self._lines.get(agent_id) is line:
                del self._lines[agent_id]


def _found_no_connection(error: grpc.RpcError) -> bool:
    """Whether nobody answered: UNAVAILABLE, or a channel closed under the call, without an error of an agent's own."""
    known = from_rpc_error(error)
    return isinstance(known, Unavailable | Aborted) and known.reason is Reason.NONE


def _explained(agent: Agent, error: grpc.RpcError) -> GridError:
    known = from_rpc_error(error, agent.endpoint)
    who = f"agent {agent.agent_id} at {agent.endpoint}"
    if _found_no_connection(error):
        details = error.details() if isinstance(error, grpc.Call) else ""
        return Unavailable(
            f"{who} can't be reached: {details}",
            reason=Reason.AGENT_UNREACHABLE,
            hint="check that the agent runs and that its [agent] advertise address can be reached from the master",
        )
    if isinstance(known, DeadlineExceeded):
        return DeadlineExceeded(
            f"{who} did not answer in time",
            reason=Reason.AGENT_UNREACHABLE,
            hint="look at the agent's log; what it was told is carried out at its next heartbeat",
        )
    return known
