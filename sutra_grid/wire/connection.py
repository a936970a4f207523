"""A connection to one gRPC server that replaces its channel when a call got no answer.

All clients use it: agent to master, master to agent, command line and admin to master. A call that
fails tells whether its channel can be trusted. After a call that found no connection, lost it, or got no
answer in time, the next call opens a new channel: the old one may be in its reconnection back-off, or
open on this side only (half-open), because a firewall forgot it or the peer's host was replaced. A channel whose
certificates were replaced on disk is left too; its calls in flight continue.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

import grpc
from google.protobuf.message import Message

from sutra_grid.core.errors import DeadlineExceeded, GridError, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.runtime import correlation_id
from sutra_grid.wire import caller
from sutra_grid.wire.channels import open_channel
from sutra_grid.wire.correlation_ids import Metadata, metadata_of
from sutra_grid.wire.errors import from_rpc_error, is_answer
from sutra_grid.wire.tls_faults import explain

Stub = TypeVar("Stub")
Response = TypeVar("Response", bound=Message)

Opener = Callable[[str], grpc.Channel]

# CANCELLED: a server that ends cuts off the calls that are in flight, and so does a channel that is closed.
_NO_ANSWER_CODES: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
# How gRPC's details begin when a call did not leave this host. If these texts change, a caller only
# takes the call for one that may have arrived.
_NOT_RESOLVED: Final = ("errors resolving", "DNS resolution failed")
_NOT_CONNECTED: Final = ("failed to connect", *_NOT_RESOLVED)


class PeerUnreachable(Unavailable):
    """No connection was made, or it was lost before the answer.

    ``may_have_arrived`` is False only when the call certainly did not leave this host. ``cause`` is
    ``connection_refused``, ``unresolvable_name``, ``tls_failed`` or, for any other, ``reason``.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: Reason,
        hint: str = "",
        may_have_arrived: bool = True,
        cause: Reason | None = None,
    ) -> None:
        super().__init__(message, reason=reason, hint=hint)
        self.may_have_arrived = may_have_arrived
        self.cause = cause or reason


class NoAnswer(DeadlineExceeded):
    """The peer sent nothing before the deadline of the call; what was asked for may be done."""


class ConnectionClosed(Unavailable):
    """This side has closed the connection, before the call or during it."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is called, in messages: ``name`` such as ``the master``; what its errors carry."""

    name: str
    unreachable_reason: Reason = Reason.NONE
    unreachable_hint: str = "Check that it runs, that the address is correct, and that no firewall blocks it"
    no_answer_reason: Reason = Reason.TIMED_OUT
    no_answer_hint: str = "The outcome is unknown. Check it before you try again, or allow more time"


def no_metadata() -> Metadata:
    """Adds nothing to a call."""
    return ()


@dataclass(eq=False, slots=True)
class _OpenChannel(Generic[Stub]):
    """One channel. The fields below ``stub`` are guarded by the lock of its connection."""

    target: str
    channel: grpc.Channel
    stub: Stub
    version: int = 0  # of the certificates that it was opened with
    calls: int = 0  # in flight
    is_left: bool = False  # takes no new call; the last one in flight closes the channel
    has_answered: bool = False


class Connection(Generic[Stub]):
    """Calls one server at a time at ``host:port``. Thread-safe; close it, or use it as a context manager.

    No channel exists before the first call, so it may be made before a process forks. Calls in flight
    on a channel that is being replaced continue, and the last one closes it.
    """

    def __init__(
        self,
        target: str,
        peer: Peer,
        make_stub: Callable[[grpc.Channel], Stub],
        open_: Opener | None = None,
        metadata: Callable[[], Metadata] = no_metadata,
    ) -> None:
        """``metadata`` is added to every call; it is asked on the calling thread."""
        self._peer = peer
        self._metadata = metadata
        self._make_stub = make_stub
        self._open = open_
        self._lock = threading.Lock()
        self._target = target  # the fields below are guarded by _lock
        self._current: _OpenChannel[Stub] | None = None
        self._open_channels: set[_OpenChannel[Stub]] = set()  # every channel that is not closed
        self._has_answered = False
        self._closed = False

    @property
    def target(self) -> str:
        """The address that the next call goes to."""
        with self._lock:
            return self._target

    @property
    def has_answered(self) -> bool:
        """Whether any call so far reached the peer."""
        with self._lock:
            return self._has_answered

    def call(
        self,
        method: Callable[[Stub], Callable[..., Any]],
        request: Message,
        response: type[Response],
        timeout_seconds: float,
        *,
        repeatable: bool = False,
    ) -> Response:
        """Call ``method`` of the stub, whose responses have the type ``response``. Blocks up to the timeout.

        The call carries the correlation id of this thread, and for whom it is made (``wire.caller``). A
        ``repeatable`` call is made once more, on a new channel and within the same timeout, when its channel
        had answered before and is now dead, or led to an earlier address. So a peer that was restarted is
        reached at once.

        Raises ``GridError``: the peer's own, unchanged, ``PeerUnreachable``, ``NoAnswer`` or ``ConnectionClosed``.
        """
        deadline = time.monotonic() + timeout_seconds
        with self._channel_for_call() as held:
            had_answered = held.has_answered
            try:
                return _checked(self._call_on(held, method, request, deadline), response)
            except PeerUnreachable:
                is_outdated = had_answered or self.target != held.target
                if not repeatable or not is_outdated or time.monotonic() >= deadline:
                    raise
        with self._channel_for_call() as held:
            return _checked(self._call_on(held, method, request, deadline), response)

    def redirect(self, target: str) -> None:
        """Send further calls to another address; calls in flight to the old one end as unreachable."""
        with self._lock:
            held = self._current
            if target == self._target:
                return
            self._target, self._current = target, None
            if held is not None:
                held.is_left = True
                if held.calls == 0:  # else the last call forgets it
                    self._open_channels.discard(held)
        if held is not None:
            held.channel.close()

    def close(self) -> None:
        """End all calls in flight and make no more. Any thread."""
        with self._lock:
            self._closed = True
            channels = list(self._open_channels)
            self._open_channels.clear()
        for held in channels:
            held.channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call_on(
        self, held: _OpenChannel[Stub], method: Callable[[Stub], Callable[..., Any]], request: Message, deadline: float
    ) -> Any:
        seconds = max(0.001, deadline - time.monotonic())
        try:
            metadata = (
                *metadata_of(correlation_id.current()),
                *caller.metadata_of_call(),
                *self._metadata(),
            )
            response = method(held.stub)(request, timeout=seconds, metadata=metadata)
        except grpc.RpcError as error:
            raise self._judge(held, error) from error
        except ValueError as error:  # gRPC's way to say that the channel was closed before the call
            if not self._is_given_up(held):
                raise
            raise self._closed_or_lost(held, "the channel was closed", may_have_arrived=False) from error
        self._note_answer(held)
        return response

    def _judge(self, held: _OpenChannel[Stub], error: grpc.RpcError) -> GridError:
        """The error of the call; a channel that gave no answer is left."""
        code = error.code() if isinstance(error, grpc.Call) else None
        if is_answer(error) or code not in (*_NO_ANSWER_CODES, grpc.StatusCode.DEADLINE_EXCEEDED):
            self._note_answer(held)
            return from_rpc_error(error, self._who(held))
        self._leave(held)
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return NoAnswer(
                f"{self._who(held)} did not answer in time",
                reason=self._peer.no_answer_reason,
                hint=self._peer.no_answer_hint,
            )
        details = (error.details() or "") if isinstance(error, grpc.Call) else ""
        arrived = not details.startswith(_NOT_CONNECTED)
        # Version 0 is a channel without certificates.
        fault = None if arrived else explain(details, held.target, is_tls=held.version > 0)
        if fault is not None:
            return self._closed_or_lost(
                held, fault.cause, may_have_arrived=False, kind=Reason.TLS_FAILED, hint=fault.hint
            )
        return self._closed_or_lost(held, _cause(details), may_have_arrived=arrived, kind=_kind_of_cause(details))

    def _closed_or_lost(
        self,
        held: _OpenChannel[Stub],
        cause: str,
        *,
        may_have_arrived: bool,
        kind: Reason | None = None,
        hint: str = "",
    ) -> Unavailable:
        with self._lock:
            if self._closed:
                return self._closed_error()
        if may_have_arrived:
            message = f"the connection to {self._who(held)} was lost before the answer: {cause}"
        else:
            message = f"{self._who(held)} can't be reached: {cause}"
        return PeerUnreachable(
            message,
            reason=self._peer.unreachable_reason,
            hint=hint or self._peer.unreachable_hint,
            may_have_arrived=may_have_arrived,
            cause=kind,
        )

    def _who(self, held: _OpenChannel[Stub]) -> str:
        return f"{self._peer.name} at {held.target}"

    def _closed_error(self) -> ConnectionClosed:
        return ConnectionClosed(
            f"this program closed the connection to {self._peer.name}",
            reason=Reason.ENDING,
            hint="Requests that were sent before may still be carried out",
        )

    # -- channels --

    @contextmanager
    def _channel_for_call(self) -> Iterator[_OpenChannel[Stub]]:
        """A channel for one call."""
        held = self._take()
        try:
            yield held
        finally:
            with self._lock:
                held.calls -= 1
                is_last = held.is_left and held.calls == 0
                if is_last:
                    self._open_channels.discard(held)
            if is_last:
                held.channel.close()

    def _take(self) -> _OpenChannel[Stub]:
        version = _version(self._open)
        outdated: _OpenChannel[Stub] | None = None
        with self._lock:
            if self._closed:
                raise self._closed_error()
            if self._current is not None and self._current.version != version:
                self._current.is_left = True
                if self._current.calls == 0:  # else the last call closes it
                    outdated = self._current
                    self._open_channels.discard(outdated)
                self._current = None
            if self._current is None:
                self._current = self._open_new(version)
                self._open_channels.add(self._current)
            self._current.calls += 1
            taken = self._current
        if outdated is not None:
            outdated.channel.close()
        return taken

    def _open_new(self, version: int) -> _OpenChannel[Stub]:
        opener: Any = self._open or open_channel
        channel = opener(self._target)
        return _OpenChannel(self._target, channel, self._make_stub(channel), version)

    def _leave(self, held: _OpenChannel[Stub]) -> None:
        """Have the next call open a new channel; calls in flight on this one continue."""
        with self._lock:
            held.is_left = True
            if self._current is held:
                self._current = None

    def _is_given_up(self, held: _OpenChannel[Stub]) -> bool:
        with self._lock:
            return self._closed or held.is_left

    def _note_answer(self, held: _OpenChannel[Stub]) -> None:
        with self._lock:
            held.has_answered = self._has_answered = True


def _version(opener: Opener | None) -> int:
    """The version of the certificates that ``opener`` uses now; 0 for one without certificates."""
    version: int = getattr(opener, "version", 0)
    return version


def _checked(message: Any, response: type[Response]) -> Response:
    assert isinstance(message, response), f"the method answers {type(message).__name__}, not {response.__name__}"
    return message


def _cause(details: str) -> str:
    """The last part of gRPC's details, which is the operating system's: ``Connection refused``."""
    return details.rpartition(": ")[2].rstrip("]")


def _kind_of_cause(details: str) -> Reason | None:
    """The cause that gRPC's details name, if it is one of the usual ones."""
    if details.startswith(_NOT_RESOLVED):
        return Reason.UNRESOLVABLE_NAME
    return Reason.CONNECTION_REFUSED if "Connection refused" in details else None
