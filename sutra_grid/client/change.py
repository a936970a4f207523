"""Sends one change again and again until ``client.retry`` decides that it is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from sutra_grid.client.outcome import refusal_of
from sutra_grid.client.retry import Decision, FailedTry, RetryPolicy, TryResult, decide, next_pause_seconds
from sutra_grid.core.errors import GridError, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.wire.connection import NoAnswer, PeerUnreachable

M = TypeVar("M", bound=Message)

_LEAST_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class ChangeSpec:
    """How one change is sent. ``closed`` ends the pauses; ``check_hint`` tells how to find out what became of it."""

    timeout_seconds: float
    policy: RetryPolicy
    closed: threading.Event
    master_has_answered: Callable[[], bool]
    check_hint: str


def send_change(send: Callable[[float], M], spec: ChangeSpec) -> M:
    """The response to the change. Blocks up to the timeout; raises ``GridError``.

    ``send`` makes one try, which may take the seconds that it is given. Every try carries the same
    idempotency key. A response that refuses for good is returned, not raised.
    """
    deadline = time.monotonic() + spec.timeout_seconds
    pause_seconds = spec.policy.first_pause_seconds
    outage_began: float | None = None
    lost_before = False
    while True:
        began = time.monotonic()
        try:
            response = send(max(_LEAST_SECONDS, deadline - began))
            refusal = refusal_of(response)
            if refusal is None or result_of(refusal) is TryResult.FINAL:
                return response
            error = refusal
        except GridError as failure:
            error = failure
        result, now = result_of(error), time.monotonic()
        if outage_began is None:
            outage_began = began if result is TryResult.NOT_SENT else now
        failed = FailedTry(
            result,
            lost_before=lost_before,
            master_has_answered=spec.master_has_answered(),
            outage_seconds=now - outage_began,
            left_seconds=deadline - now,
            pause_seconds=pause_seconds,
        )
        match decide(failed, spec.policy):
            case Decision.FAIL:
                raise _final(error, spec.check_hint)
            case Decision.FAIL_UNCERTAIN:
                raise _uncertain(error, spec.check_hint) from error
        lost_before = failed.may_be_applied
        spec.closed.wait(pause_seconds)
        pause_seconds = next_pause_seconds(pause_seconds, spec.policy)


def result_of(error: GridError) -> TryResult:
    """What the error of a try says about the change."""
    if isinstance(error, PeerUnreachable):
        return TryResult.LOST if error.may_have_arrived else TryResult.NOT_SENT
    if error.reason is Reason.REGISTRY_UNAVAILABLE:
        return TryResult.REGISTRY_UNAVAILABLE
    return TryResult.FINAL


def _final(error: GridError, check_hint: str) -> GridError:
    """The error as it is; one without an answer says that the change may have been applied."""
    if not isinstance(error, NoAnswer):
        return error
    return NoAnswer(f"{error.message}. The change may have been applied", reason=error.reason, hint=check_hint)


def _uncertain(error: GridError, check_hint: str) -> Unavailable:
    message = (
        "The connection was lost before the master confirmed the change. It may have been applied. "
        f"Last error: {error.message}"
    )
    if isinstance(error, PeerUnreachable):
        return PeerUnreachable(message, reason=error.reason, hint=check_hint)
    return Unavailable(message, reason=error.reason, hint=check_hint)
