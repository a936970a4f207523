"""The master as the command line calls it: one channel, deadlines, and retries that are safe.

A changing call carries an idempotency key, and is repeated with the same key while its
answer is lost, so that it takes effect once.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.message import Message
from grpc_status import rpc_status

from sutra_grid.cli.context import Options
from sutra_grid.client.caller import Advice
from sutra_grid.core.errors import GridError, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.runtime.net import format_host_port, parse_host_port
from sutra_grid.wire import errors as wire_errors
from sutra_grid.wire.channels import open_channel
from sutra_grid.wire.grid_pb2_grpc import GridMasterStub

M = TypeVar("M", bound=Message)

DEFAULT_PORT: Final = 7000
# A master that never answered a connection is given up after this, whatever --timeout is.
CONNECT_SECONDS: Final = 5.0
# A read that takes longer will not be answered; only changes wait for processes.
READ_SECONDS: Final = 10.0
FIRST_RETRY_SECONDS: Final = 0.2
LAST_RETRY_SECONDS: Final = 2.0
# How details begin when a call did not leave this host.
_NOT_CONNECTED: Final = ("failed to connect", "errors resolving", "DNS resolution failed")
ADVICE: Final = Advice(
    list_nodes="sutra-grid-cli nodes list",
    look_at_node="sutra-grid-cli nodes explain {}",
    look_at_agent="sutra-grid-cli agents show {}",
    remove_agent="sutra-grid-cli agents remove {}",
)
# CANCELLED: a server that ends cuts off the calls that are in flight.
_LOST: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


class MasterUnreachable(Unavailable):
    """No connection to the master, or it was lost before the answer."""


class Client:
    """Calls the master. Threads may share it. Close it, or use it as a context manager."""

    def __init__(self, target: str, source: str, timeout_seconds: float) -> None:
        self.target = format_host_port(*parse_host_port(target, DEFAULT_PORT))
        self.timeout_seconds = timeout_seconds
        self._source = source
        self._channel = open_channel(self.target)
        self._stub: Any = GridMasterStub(self._channel)
        self._reached = False
        self._closed = threading.Event()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def advice(self) -> Advice:
        """The next steps as commands."""
        return ADVICE

    @property
    def is_closed(self) -> bool:
        """Whether no call can be made any more."""
        return self._closed.is_set()

    def close(self) -> None:
        """Give up the connection; calls that wait in other threads end with ``Unavailable``."""
        self._closed.set()
        self._channel.close()

    def read(self, method: str, request: Message, answer: type[M], *, timeout_seconds: float | None = None) -> M:
        """One call that changes nothing, tried once. Raises ``GridError``."""
        try:
            return self._call(method, request, answer, timeout_seconds or min(self.timeout_seconds, READ_SECONDS))
        except grpc.RpcError as error:
            raise self._explained(error) from error

    def change(self, method: str, request: Message, answer: type[M], *, timeout_seconds: float | None = None) -> M:
        """One change with a fresh idempotency key, repeated with that key while the answer is lost.

        So it is when the answer to a repetition says that the registry can't be asked: that tells nothing of the
        tries before. Gives up after the timeout; or, when the master never accepted a connection, after
        ``CONNECT_SECONDS``. Raises ``GridError``.
        """
        request_with_id: Any = request
        request_with_id.request_id = str(uuid.uuid4())
        deadline = time.monotonic() + (timeout_seconds or self.timeout_seconds)
        connect_deadline = min(deadline, time.monotonic() + CONNECT_SECONDS)
        pause_seconds = FIRST_RETRY_SECONDS
        may_be_done = False  # by a try whose answer was lost
        while True:
            last_try = deadline - pause_seconds
            try:
                message = self._call(method, request, answer, max(0.001, deadline - time.monotonic()))
                refusal = _refusal(message)
                if refusal is None or not (may_be_done and _says_nothing(refusal)):
                    return message
                if time.monotonic() >= last_try:
                    raise _untold(refusal)
            except grpc.RpcError as error:
                if not self._reached:
                    last_try = connect_deadline - pause_seconds
                problem = self._explained(error)
                says_nothing = may_be_done and _says_nothing(problem)
                if not (_answer_lost(error) or says_nothing) or time.monotonic() >= last_try:
                    raise (_untold(problem) if says_nothing else problem) from error
                may_be_done = may_be_done or not _never_connected(error)
            self._closed.wait(pause_seconds)
            pause_seconds = min(2 * pause_seconds, LAST_RETRY_SECONDS)

    def _call(self, method: str, request: Message, answer: type[M], timeout_seconds: float) -> M:
        call: Callable[..., M] = getattr(self._stub, method)
        try:
            message = call(request, timeout=timeout_seconds)
        except ValueError as error:
            if not self._closed.is_set():
                raise
            raise Unavailable(
                "the connection to the master was given up",
                reason=Reason.MASTER_UNREACHABLE,
                hint="The command was interrupted; what the master was told already goes on",
            ) from error
        except grpc.RpcError as error:
            self._reached = self._reached or not _never_connected(error)
            raise
        self._reached = True
        assert isinstance(message, answer), f"{method} answers {type(message).__name__}"
        return message

    def _explained(self, error: grpc.RpcError) -> GridError:
        known = wire_errors.from_rpc_error(error, f"the master at {self.target}")
        if not _answer_lost(error):
            return known
        message = f"the master at {self.target} went away"
        if not self._reached:
            message = f"no master answers at {self.target}: {_cause(error)}"
        where = "the default address" if self._source == "default" else f"address from {self._source}"
        return MasterUnreachable(
            message,
            reason=Reason.MASTER_UNREACHABLE,
            hint=f"{where}; start one with 'sutra-grid-master' or 'sutra-grid-cli dev', or give --master HOST:PORT",
        )


def connect(options: Options) -> Client:
    """A client of the master that ``options`` name; connects with the first call."""
    target, source = options.target()
    return Client(target, source, options.timeout_seconds)


def _answer_lost(error: grpc.RpcError) -> bool:
    """Whether the connection failed or the master ended, rather than having answered that something is unavailable."""
    if not isinstance(error, grpc.Call) or error.code() not in _LOST:
        return False
    try:
        return rpc_status.from_call(error) is None
    except ValueError:  # details that do not match the status: not from a master of ours
        return True


def _refusal(answer: Any) -> GridError | None:
    """The refusal that stands in an answer; a method that has no place for one ends the call with it instead."""
    if "error" not in answer.DESCRIPTOR.fields_by_name or not answer.HasField("error"):
        return None
    return wire_errors.from_detail(answer.error)


def _says_nothing(refusal: GridError) -> bool:
    """Whether it tells nothing of an earlier try: the master could not look that up."""
    return refusal.reason is Reason.REGISTRY_UNAVAILABLE


def _untold(refusal: GridError) -> Unavailable:
    """What to say of a change that an earlier try may have made."""
    return Unavailable(
        f"whether this is done is not known: the connection was lost over it, and now {refusal.message}",
        reason=Reason.REGISTRY_UNAVAILABLE,
        hint=f"{refusal.hint}. Then look at 'sutra-grid-cli status' before you ask for it again",
    )


def _never_connected(error: grpc.RpcError) -> bool:
    """Whether the call did not leave this host; if gRPC's words change, retries only take longer."""
    return isinstance(error, grpc.Call) and (error.details() or "").startswith(_NOT_CONNECTED)


def _cause(error: grpc.RpcError) -> str:
    """The last part of what gRPC says, which is the operating system's: ``Connection refused``."""
    details = error.details() or "" if isinstance(error, grpc.Call) else str(error)
    return details.rpartition(": ")[2].rstrip("]")
