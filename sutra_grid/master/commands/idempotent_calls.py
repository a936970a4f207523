"""Answers calls once per idempotency key: a retry gets the first answer, and nothing happens twice.

The registry stores an idempotency record in the same transaction as the change, and adds the answer later.
So a retry finds it also after a restart of the master. A call that is refused before anything was changed
leaves no record: its retry runs the command again.

The wire's field for the idempotency key is ``request_id``.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.message import Message

from sutra_grid.core.errors import AlreadyExists, DeadlineExceeded, GridError, InvalidArgument
from sutra_grid.core.types import Reason
from sutra_grid.registry import IdempotencyRecord, Registry
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.steps import Step, reached

log = get_logger(__name__)

Response = TypeVar("Response", bound=Message)

MAX_IDEMPOTENCY_KEY_LENGTH = 128
#: Recent answers of calls that have no record in the registry.
MAX_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class CallId:
    """Identifies a call: the client's key (may be empty), the method, and a digest of the request."""

    idempotency_key: str
    method: str
    fingerprint: str

    @classmethod
    def of(cls, idempotency_key: str, method: str, content: bytes) -> CallId:
        """``content``: the serialized request without its key."""
        return cls(idempotency_key, method, hashlib.sha256(content).hexdigest())


class Attempt:
    """One attempt of a call: makes the record that goes with its change, and knows what an earlier attempt did."""

    def __init__(self, call: CallId, clock: Clock, earlier: IdempotencyRecord | None = None) -> None:
        self.earlier = earlier
        self._call = call
        self._clock = clock
        self.recorded = earlier is not None

    def mark(self, node_id: str) -> IdempotencyRecord | None:
        """The record to write with the change of ``node_id``. None: no record is needed."""
        if not self._call.idempotency_key or self.recorded:
            return None
        self.recorded = True
        call = self._call
        return IdempotencyRecord(call.idempotency_key, call.method, call.fingerprint, node_id, wall_ms(self._clock))


@dataclass(slots=True)
class _CallUnderWay:
    """A call under way. ``call`` never changes; the result is set before ``done``."""

    call: CallId
    done: threading.Event = field(default_factory=threading.Event)
    answer: Message | None = None
    error: GridError | None = None


class IdempotentCalls:
    """Thread-safe. A duplicate of a call under way waits for the first one."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._lock = threading.Lock()
        # guarded by _lock:
        self._under_way: dict[str, _CallUnderWay] = {}
        self._remembered: OrderedDict[str, tuple[CallId, Message]] = OrderedDict()

    def answer(
        self, call: CallId, run: Callable[[Attempt], Response], response: type[Response], wait_seconds: float
    ) -> Response:
        """The first answer under the key of ``call`` if there is one, else the answer of ``run``.

        Treat an answer as immutable: every caller of one key gets the same message.

        Raises whatever ``run`` raises, ``AlreadyExists`` (``request_id_reused``) when the key was used for
        another request, and ``DeadlineExceeded`` when the first call takes longer than ``wait_seconds``.
        """
        if not call.idempotency_key:
            return run(Attempt(call, self._clock))
        if len(call.idempotency_key) > MAX_IDEMPOTENCY_KEY_LENGTH:
            raise InvalidArgument(
                f"the idempotency key has {len(call.idempotency_key)} characters",
                reason=Reason.INVALID_ARGUMENT,
                hint=f"Use at most {MAX_IDEMPOTENCY_KEY_LENGTH}, for instance a UUID",
            )
        with self._lock:
            first_call = self._under_way.get(call.idempotency_key)
            if first_call is None:
                mine = self._under_way[call.idempotency_key] = _CallUnderWay(call)
        if first_call is not None:
            return _as(response, _wait_for(first_call, call, wait_seconds))
        return self._first(mine, run, response)

    def _first(
        self, first_call: _CallUnderWay, run: Callable[[Attempt], Response], response: type[Response]
    ) -> Response:
        try:
            known = self._known_answer(first_call.call)
            answer = self._run(first_call.call, run, response) if known is None else _as(response, known)
            first_call.answer = answer
            return answer
        except GridError as error:
            first_call.error = error
            raise
        finally:
            with self._lock:
                del self._under_way[first_call.call.idempotency_key]
            first_call.done.set()

    def _known_answer(self, call: CallId) -> Message | None:
        with self._lock:
            remembered = self._remembered.get(call.idempotency_key)
        if remembered is None:
            return None
        _same_or_refuse(remembered[0], call)
        return remembered[1]

    def _run(self, call: CallId, run: Callable[[Attempt], Response], response: type[Response]) -> Response:
        earlier = self._registry.idempotency_record(call.idempotency_key)
        if earlier is not None:
            _same_or_refuse(CallId(call.idempotency_key, earlier.method, earlier.fingerprint), call)
            if earlier.outcome is not None:
                return response.FromString(earlier.outcome)
        attempt = Attempt(call, self._clock, earlier)
        answer = run(attempt)
        if attempt.recorded:
            self._keep(call, answer)
        return answer

    def remember(self, call: CallId, answer: Message) -> None:
        """Keep an answer in memory: the call has no record, or its record could not be completed."""
        if not call.idempotency_key:
            return
        with self._lock:
            self._remembered[call.idempotency_key] = (call, answer)
            while len(self._remembered) > MAX_REMEMBERED:
                self._remembered.popitem(last=False)

    def _keep(self, call: CallId, answer: Message) -> None:
        try:
            self._registry.save_outcome(call.idempotency_key, answer.SerializeToString())
        except GridError as error:
            log.warning(
                "answer kept in memory only", idempotency_key=call.idempotency_key, method=call.method, why=error
            )
            self.remember(call, answer)
        reached(Step.ANSWER_KEPT)


def _wait_for(first_call: _CallUnderWay, call: CallId, wait_seconds: float) -> Message:
    _same_or_refuse(first_call.call, call)
    if not first_call.done.wait(wait_seconds):
        raise DeadlineExceeded(
            f"the first call with idempotency key {call.idempotency_key} is still under way",
            reason=Reason.TIMED_OUT,
            hint="Try again with the same key",
        )
    if first_call.error is not None:
        raise first_call.error
    if first_call.answer is None:
        raise DeadlineExceeded(
            f"the first call with idempotency key {call.idempotency_key} ended without an answer",
            reason=Reason.TIMED_OUT,
            hint="Try again with the same key",
        )
    return first_call.answer


def _as(response: type[Response], answer: Message) -> Response:
    """The answer of another call of the same method, which has the same type."""
    assert isinstance(answer, response)
    return answer


def _same_or_refuse(first: CallId, call: CallId) -> None:
    if (first.method, first.fingerprint) != (call.method, call.fingerprint):
        raise AlreadyExists(
            f"idempotency key {call.idempotency_key} was used for another {first.method}",
            reason=Reason.REQUEST_ID_REUSED,
            hint="Send the same request again for a retry, or use a new key for another request",
        )
