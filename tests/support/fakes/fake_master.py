"""A GridMaster on a real gRPC server whose answers a test sets.

``fake.answers["GetClusterStatus"] = message``, a ``GridError``, or a callable of the
request that answers one; a list is answered in turn, its last for ever. ``fake.calls``
are the requests as they came, by method.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.message import Message

from sutra_grid.core.errors import GridError, Unimplemented
from sutra_grid.wire import errors as wire_errors
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.grid_pb2_grpc import GridMasterServicer, add_GridMasterServicer_to_server
from sutra_grid.wire.server import RunningServer, ServerLimits, serve

Answer = Message | GridError | Callable[[Any], Message]

METHODS = [method.name for method in pb.DESCRIPTOR.services_by_name["GridMaster"].methods]


class FakeMaster(GridMasterServicer):
    """Answers as the test sets. ``server`` is None while it is down."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | list[Answer]] = {}
        self.calls: dict[str, list[Any]] = defaultdict(list)
        self.server: RunningServer | None = None
        self.port = 0
        for method in METHODS:
            setattr(self, method, self._handler(method))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen; a second start takes the same port again."""

        def add(server: grpc.Server) -> None:
            add_GridMasterServicer_to_server(self, server)

        self.server = serve(
            {"grid.GridMaster": add},
            host="127.0.0.1",
            port=self.port,
            limits=ServerLimits(workers=4, calls=64),
            name="fake",
        )
        self.port = self.server.port

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop(0)
            self.server = None

    def _handler(self, method: str) -> Callable[[Any, grpc.ServicerContext], Message]:
        def handle(request: Any, context: grpc.ServicerContext) -> Message:
            self.calls[method].append(request)
            answer = self.answers.get(method, Unimplemented(f"the test has no answer for {method}"))
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
            if callable(answer):
                answer = answer(request)
            if isinstance(answer, GridError):
                wire_errors.abort(context, answer)
            return answer

        return handle


@contextmanager
def fake_master() -> Iterator[FakeMaster]:
    """A fake that listens on a free port until the block ends."""
    fake = FakeMaster()
    fake.start()
    try:
        yield fake
    finally:
        fake.stop()
