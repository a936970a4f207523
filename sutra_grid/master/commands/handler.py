"""Handles the mutating calls of clients: bounds them, answers each idempotency key once, reports failures.

A failure is a response with ``success=false`` and its reason.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sutra_grid.core.errors import GridError
from sutra_grid.core.types import Node
from sutra_grid.master.commands.agents import AgentCommands
from sutra_grid.master.commands.applier import Deadline
from sutra_grid.master.commands.idempotent_calls import Attempt, CallId, IdempotentCalls
from sutra_grid.master.commands.nodes import Command, NodeCommands
from sutra_grid.master.commands.spawn import Spawner
from sutra_grid.master.concurrency_limit import ConcurrencyLimit
from sutra_grid.master.reads.views import Views
from sutra_grid.master.registry_writes.write_behind import RegistryWriter
from sutra_grid.runtime.clock import Clock
from sutra_grid.runtime.steps import Step, reached
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import spec_from_spawn_request
from sutra_grid.wire.errors import error_detail

Mutating = pb.SpawnRequest | pb.StopRequest | pb.NodeCommand | pb.AgentCommand
Response = TypeVar("Response", pb.SpawnResponse, pb.StopResponse, pb.NodeResult)

#: Subtracted from the caller's own deadline, so that the answer arrives before it.
ANSWER_MARGIN_SECONDS = 0.5
#: How long a command waits for older events to be written, so that they are listed before its own.
EVENTS_WAIT_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Operations:
    """The parts that carry out the commands."""

    spawner: Spawner
    node_commands: NodeCommands
    agent_commands: AgentCommands


class CommandHandler:
    """Thread-safe; blocks on the registry and on agents.

    ``client_seconds`` is the time left until the caller's own deadline, None without one.
    """

    def __init__(
        self,
        operations: Operations,
        idempotent_calls: IdempotentCalls,
        views: Views,
        registry_writer: RegistryWriter,
        limit: ConcurrencyLimit,
        clock: Clock,
        timeout_seconds: float,
    ) -> None:
        self._operations = operations
        self._idempotent_calls = idempotent_calls
        self._views = views
        self._registry_writer = registry_writer
        self._limit = limit
        self._clock = clock
        self._timeout_seconds = timeout_seconds

    def spawn(self, request: pb.SpawnRequest, client_seconds: float | None) -> pb.SpawnResponse:
        """Spawn a node."""
        spec = spec_from_spawn_request(request)

        def run(attempt: Attempt, deadline: Deadline) -> pb.SpawnResponse:
            node = self._views.node(self._operations.spawner.spawn(request.agent_id, spec, attempt, deadline))
            return pb.SpawnResponse(success=True, node_id=node.node_id, endpoint=node.endpoint, node=node)

        return self._answer("spawn", request, client_seconds, run, pb.SpawnResponse)

    def stop(self, request: pb.StopRequest, client_seconds: float | None) -> pb.StopResponse:
        """Stop a node."""

        def run(attempt: Attempt, deadline: Deadline) -> pb.StopResponse:
            stop = Command.STOP_FOR_DRAIN if request.for_drain else Command.STOP
            node = self._command(stop, request.node_id, attempt, deadline, request.agent_id)
            return pb.StopResponse(success=True, node=self._views.node(node))

        return self._answer("stop", request, client_seconds, run, pb.StopResponse)

    def command(self, command: Command, request: pb.NodeCommand, client_seconds: float | None) -> pb.NodeResult:
        """Start, restart or remove a node."""

        def run(attempt: Attempt, deadline: Deadline) -> pb.NodeResult:
            node = self._command(command, request.node_id, attempt, deadline)
            return pb.NodeResult(success=True, node=self._views.node(node))

        return self._answer(command.value.verb, request, client_seconds, run, pb.NodeResult)

    def set_drained(self, request: pb.AgentCommand, drained: bool) -> pb.AgentRecord:
        """Drain or undrain an agent. A repetition changes nothing. Raises ``GridError``."""
        self._operations.agent_commands.set_drained(request.agent_id, drained)
        return self._views.agent(request.agent_id)

    def remove_agent(self, request: pb.AgentCommand) -> pb.Empty:
        """Remove an offline agent, by force also when its nodes may run. Raises ``GridError``."""
        call = _call_id("remove agent", request)

        def run(attempt: Attempt) -> pb.Empty:
            self._operations.agent_commands.remove(request.agent_id, force=request.force)
            answer = pb.Empty()
            self._idempotent_calls.remember(call, answer)
            return answer

        return self._idempotent_calls.answer(call, run, pb.Empty, self._timeout_seconds)

    def _command(
        self, command: Command, node_id: str, attempt: Attempt, deadline: Deadline, agent_id: str = ""
    ) -> Node:
        return self._operations.node_commands.run(command, node_id, attempt, deadline, agent_id)

    def _answer(
        self,
        method: str,
        request: Mutating,
        client_seconds: float | None,
        run: Callable[[Attempt, Deadline], Response],
        response: type[Response],
    ) -> Response:
        """The response of the first attempt under this idempotency key. A failure is a response too."""
        reached(Step.COMMAND_RECEIVED)
        deadline = Deadline(self._clock, self._seconds(client_seconds))

        def run_once(attempt: Attempt) -> Response:
            try:
                return run(attempt, deadline)
            except GridError as error:
                if not attempt.recorded:
                    raise  # nothing was changed: a retry runs the command again
                return self._refused(response, request, error)

        try:
            with self._limit.taken():
                self._registry_writer.wait_for_events(EVENTS_WAIT_SECONDS)
                call = _call_id(method, request)
                return self._idempotent_calls.answer(call, run_once, response, deadline.remaining())
        except GridError as error:
            return self._refused(response, request, error)

    def _refused(self, response: type[Response], request: Mutating, error: GridError) -> Response:
        refused = response(success=False, error_message=str(error), error=error_detail(error))
        if isinstance(request, pb.StopRequest | pb.NodeCommand):
            node = self._views.find_node(request.node_id)
            if node is not None:
                refused.node.CopyFrom(node)
        return refused

    def _seconds(self, client_seconds: float | None) -> float:
        """The time for a command: the master's own limit, or less when the caller's deadline is earlier."""
        if client_seconds is None:
            return self._timeout_seconds
        return max(ANSWER_MARGIN_SECONDS, min(self._timeout_seconds, client_seconds - ANSWER_MARGIN_SECONDS))


def _call_id(method: str, request: Mutating) -> CallId:
    if not request.request_id:  # never compared with another call
        return CallId("", method, "")
    content = copy.deepcopy(request)
    content.request_id = ""
    return CallId.of(request.request_id, method, content.SerializeToString(deterministic=True))
