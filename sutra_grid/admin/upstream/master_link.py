"""The worker's line to the master: commands, logs, and whether it answers."""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sutra_grid.runtime import correlation_id
from sutra_grid.wire import errors as wire_errors
from sutra_grid.wire.channels import open_channel
from sutra_grid.wire.correlation_ids import metadata_of
from sutra_grid.wire.grid_pb2_grpc import GridMasterStub

M = TypeVar("M", bound=Message)

READ_TIMEOUT_SECONDS = 10.0
CHECK_TIMEOUT_SECONDS = 1.0
MASTER_SERVICE = "grid.GridMaster"


class MasterLink:
    """Calls the master; thread-safe. The channel is made by the first call, in the worker that makes it.

    A channel that was made before gunicorn forks would hang in the worker.
    """

    def __init__(self, target: str, command_timeout_secs: float) -> None:
        self.target = target
        self._command_timeout_seconds = command_timeout_secs
        self._lock = threading.Lock()  # guards _channel
        self._channel: grpc.Channel | None = None

    @property
    def command_timeout_seconds(self) -> float:
        """How long a command may take."""
        return self._command_timeout_seconds

    def command(self, method: str, request: Message, answer: type[M], timeout_seconds: float | None = None) -> M:
        """A call that changes something; waits for its outcome. Raises ``GridError``.

        ``Unavailable`` when the master is not there: nothing was changed, or the answer was
        lost; a retry with the same idempotency key tells.
        """
        return self._call(method, request, answer, timeout_seconds or self._command_timeout_seconds)

    def read(self, method: str, request: Message, answer: type[M]) -> M:
        """A call that changes nothing. Raises ``GridError``."""
        return self._call(method, request, answer, READ_TIMEOUT_SECONDS)

    def check(self) -> None:
        """Raise ``GridError`` unless the master serves; takes a second at most."""
        stub: Any = health_pb2_grpc.HealthStub(self._open())
        try:
            stub.Check(health_pb2.HealthCheckRequest(service=MASTER_SERVICE), timeout=CHECK_TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            raise wire_errors.from_rpc_error(error, self._name) from error

    def close(self) -> None:
        """Close the channel; a later call makes it anew."""
        with self._lock:
            channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    @property
    def _name(self) -> str:
        return f"the master at {self.target}"

    def _call(self, method: str, request: Message, answer: type[M], timeout_seconds: float) -> M:
        stub: Any = GridMasterStub(self._open())
        try:
            metadata = metadata_of(correlation_id.current())
            message = getattr(stub, method)(request, timeout=timeout_seconds, metadata=metadata)
        except grpc.RpcError as error:
            raise wire_errors.from_rpc_error(error, self._name) from error
        assert isinstance(message, answer), f"{method} answers {type(message).__name__}"
        return message

    def _open(self) -> grpc.Channel:
        with self._lock:
            if self._channel is None:
                self._channel = open_channel(self.target)
            return self._channel
