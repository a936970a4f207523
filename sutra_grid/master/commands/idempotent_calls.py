"""Idempotency: a retry with the same request id gets the first answer, and nothing happens twice.

The registry keeps a request in the same transaction as the change that it made, and its answer once
there is one; so a retry finds it after a restart of the master too. Calls that are refused before
anything was changed leave no trace there: their retry is judged anew.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from sutra_grid.core.errors import AlreadyExists, DeadlineExceeded, GridError, InvalidArgument
from sutra_grid.core.types import Reason
from sutra_grid.registry import Registry, Request
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.steps import Step, reached

log = get_logger(__name__)

MAX_REQUEST_ID_LENGTH = 128
#: Answers that were given lately, for calls that have no row to keep theirs in.
MAX_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class CallId:
    """What identifies a call: the client's id (may be empty), the method, and a digest of what was asked."""

    request_id: str
    method: str
    fingerprint: str

    @classmethod
    def of(cls, request_id: str, method: str, content: bytes) -> CallId:
        """``content``: the serialized request without its id."""
        return cls(request_id, method, hashlib.sha256(content).hexdigest())


class Ticket:
    """Goes with a call: how its change is marked in the registry, and what an earlier try has done."""

    def __init__(self, call: CallId, clock: Clock, earlier: Request | None = None) -> None:
        self.earlier = earlier
        self._call = call
        self._clock = clock
        self.recorded = earlier is not None

    def mark(self, node_id: str) -> Request | None:
        """The row to write with the change of ``node_id``; None: nothing needs to be marked."""
        if not self._call.request_id or self.recorded:
            return None
        self.recorded = True
        call = self._call
        return Request(call.request_id, call.method, call.fingerprint, node_id, wall_ms(self._clock))


@dataclass(slots=True)
class _Flight:
    """A call under way; ``call`` never changes, the rest is set before ``done``."""

    call: CallId
    done: threading.Event = field(default_factory=threading.Event)
    answer: bytes | None = None
    error: GridError | None = None


class Requests:
    """Thread-safe. A duplicate of a call that is under way waits for the first."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._lock = threading.Lock()
        # guarded by _lock:
        self._flying: dict[str, _Flight] = {}
        self._remembered: OrderedDict[str, tuple[CallId, bytes]] = OrderedDict()

    def answer(self, call: CallId, run: Callable[[Ticket], bytes], wait_seconds: float) -> bytes:
        """The answer of ``call``: the first one if it came before, else what ``run`` makes of it.

        Raises whatever ``run`` raises; ``AlreadyExists`` (``request_id_reused``) when the id was used for
        something else; ``DeadlineExceeded`` when the first call takes longer than ``wait_seconds``.
        """
        if not call.request_id:
            return run(Ticket(call, self._clock))
        if len(call.request_id) > MAX_REQUEST_ID_LENGTH:
            raise InvalidArgument(
                f"the request id has {len(call.request_id)} characters",
                reason=Reason.INVALID_ARGUMENT,
                hint=f"use at most {MAX_REQUEST_ID_LENGTH}, for instance a UUID",
            )
        with self._lock:
            flight = self._flying.get(call.request_id)
            if flight is None:
                mine = self._flying[call.request_id] = _Flight(call)
        if flight is not None:
            return _wait_for(flight, call, wait_seconds)
        return self._first(mine, run)

    def _first(self, flight: _Flight, run: Callable[[Ticket], bytes]) -> bytes:
        try:
            known = self._known_answer(flight.call)
            flight.answer = self._run(flight.call, run) if known is None else known
            return flight.answer
        except GridError as error:
            flight.error = error
            raise
        finally:
            with self._lock:
                del self._flying[flight.call.request_id]
            flight.done.set()

    def _known_answer(self, call: CallId) -> bytes | None:
        with self._lock:
            remembered = self._remembered.get(call.request_id)
        if remembered is None:
            return None
        _same_or_refuse(remembered[0], call)
        return remembered[1]

    def _run(self, call: CallId, run: Callable[[Ticket], bytes]) -> bytes:
        earlier = self._registry.request(call.request_id)
        if earlier is not None:
            _same_or_refuse(CallId(call.request_id, earlier.method, earlier.fingerprint), call)
            if earlier.outcome is not None:
                return earlier.outcome
        ticket = Ticket(call, self._clock, earlier)
        answer = run(ticket)
        if ticket.recorded:
            self._keep(call, answer)
        return answer

    def remember(self, call: CallId, answer: bytes) -> None:
        """Keep an answer in memory: of a call that leaves no row, or whose row could not be completed."""
        if not call.request_id:
            return
        with self._lock:
            self._remembered[call.request_id] = (call, answer)
            while len(self._remembered) > MAX_REMEMBERED:
                self._remembered.popitem(last=False)

    def _keep(self, call: CallId, answer: bytes) -> None:
        try:
            self._registry.finish_request(call.request_id, answer)
        except GridError as error:
            log.warning("answer kept in memory only", request=call.request_id, method=call.method, why=error)
            self.remember(call, answer)
        reached(Step.ANSWER_KEPT)


def _wait_for(flight: _Flight, call: CallId, wait_seconds: float) -> bytes:
    _same_or_refuse(flight.call, call)
    if not flight.done.wait(wait_seconds):
        raise DeadlineExceeded(
            f"the first call with request id {call.request_id} is still under way",
            reason=Reason.TIMED_OUT,
            hint="try again with the same id",
        )
    if flight.error is not None:
        raise flight.error
    if flight.answer is None:
        raise DeadlineExceeded(
            f"the first call with request id {call.request_id} ended without an answer",
            reason=Reason.TIMED_OUT,
            hint="try again with the same id",
        )
    return flight.answer


def _same_or_refuse(first: CallId, call: CallId) -> None:
    if (first.method, first.fingerprint) != (call.method, call.fingerprint):
        raise AlreadyExists(
            f"request id {call.request_id} was used for another {first.method}",
            reason=Reason.REQUEST_ID_REUSED,
            hint="a retry sends the very same request; another one takes another id",
        )
