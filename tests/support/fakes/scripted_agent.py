"""A GridAgent service on a real server whose answers a test scripts."""

from collections.abc import Callable
from typing import Any

import grpc

from sutra_grid.wire.errors import handle_errors
from sutra_grid.wire.grid_pb2 import Assignment, NodeReport
from sutra_grid.wire.grid_pb2_grpc import GridAgentServicer, add_GridAgentServicer_to_server
from sutra_grid.wire.server import RunningServer, ServerLimits, serve

SERVICE = "grid.GridAgent"
LIMITS = ServerLimits(workers=4, calls=16)


class ScriptedAgent(GridAgentServicer):
    """``Apply`` answers with ``answer``."""

    def __init__(self) -> None:
        self.answer: Callable[[Assignment, grpc.ServicerContext], NodeReport] = lambda _request, _context: NodeReport()

    @handle_errors
    def Apply(self, request: Assignment, context: grpc.ServicerContext) -> NodeReport:  # noqa: N802 -- gRPC's name
        return self.answer(request, context)


def start(servicer: ScriptedAgent, **changes: Any) -> RunningServer:
    settings: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "limits": LIMITS, "name": "test"}
    return serve({SERVICE: lambda server: add_GridAgentServicer_to_server(servicer, server)}, **settings | changes)
