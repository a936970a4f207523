"""Decides whether a change is sent again after a try that failed. Pure.

A change is repeated under its idempotency key, so that it takes effect once. Whether that is worth the
wait depends on what is known: can an earlier try have been applied, and has the master ever answered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


class TryResult(Enum):
    """What came of one try."""

    NOT_SENT = auto()
    """No connection was made: the call did not leave this host."""
    LOST = auto()
    """The connection was lost before the answer: the change may have been applied."""
    REGISTRY_UNAVAILABLE = auto()
    """The master answered that it can't ask its registry, so it could not look up what an earlier try did."""
    FINAL = auto()
    """Every other answer, or none before the deadline: another try would not help."""


class Decision(Enum):
    """What to do now."""

    REPEAT = auto()
    FAIL = auto()
    """Report the error as it is."""
    FAIL_UNCERTAIN = auto()
    """Report that the change may have been applied."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long an outage of the master is waited for, in seconds since it began; within the timeout of the change."""

    never_reached_seconds: float = 5.0
    """The master never answered this client: the address is probably wrong."""
    not_applied_seconds: float = math.inf
    """The master answered before, and no try can have been applied."""
    uncertain_seconds: float = math.inf
    """A try may have been applied."""
    first_pause_seconds: float = 0.2
    longest_pause_seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class FailedTry:
    """A failed try, and what is known from the tries before it."""

    result: TryResult
    lost_before: bool = False
    """An earlier try was ``LOST``."""
    master_has_answered: bool = True
    """Any call of this client, of any method."""
    outage_seconds: float = 0.0
    """How long the master has not answered the change."""
    left_seconds: float = math.inf
    """Until the timeout of the change."""
    pause_seconds: float = 0.0
    """Before the next try."""

    @property
    def may_be_applied(self) -> bool:
        """Whether this or an earlier try may have changed something, as far as this side can know."""
        return self.lost_before or self.result is TryResult.LOST


def decide(failed: FailedTry, policy: RetryPolicy) -> Decision:
    """What to do after ``failed``."""
    is_outage = failed.result in _OUTAGES or (failed.result is TryResult.REGISTRY_UNAVAILABLE and failed.lost_before)
    if not is_outage:
        return Decision.FAIL
    is_patient = failed.outage_seconds + failed.pause_seconds <= _patience_seconds(failed, policy)
    if is_patient and failed.pause_seconds < failed.left_seconds:
        return Decision.REPEAT
    return Decision.FAIL_UNCERTAIN if failed.may_be_applied else Decision.FAIL


def next_pause_seconds(pause_seconds: float, policy: RetryPolicy) -> float:
    """The pause after the next try: pauses double up to a bound."""
    return min(2 * pause_seconds, policy.longest_pause_seconds)


_OUTAGES: Final = (TryResult.NOT_SENT, TryResult.LOST)


def _patience_seconds(failed: FailedTry, policy: RetryPolicy) -> float:
    if failed.may_be_applied:
        return policy.uncertain_seconds
    return policy.not_applied_seconds if failed.master_has_answered else policy.never_reached_seconds
