"""When a node that ended by itself is started again, and when no more.

Pure: time and chance are arguments. A node that had run stably starts again at
once. One that had not waits: ``first_delay_seconds``, then twice as long each
time, up to ``max_delay_seconds``, spread by ``jitter`` so that nodes felled by one
cause do not rise in step. Too many ends in the window without a stable run between
them, and it stays down until somebody starts it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sutra_grid.core.types import Reason


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How a node is restarted. ``jitter`` is a fraction: 0.1 spreads a delay by 10 % to both sides."""

    enabled: bool = True
    stable_seconds: float = 30.0
    first_delay_seconds: float = 1.0
    max_delay_seconds: float = 60.0
    max_crashes: int = 8
    window_seconds: float = 600.0
    jitter: float = 0.1


@dataclass(frozen=True, slots=True)
class RestartDecision:
    """What follows an end: ``delay_seconds`` until the next start, or None: no more.

    ``crashes`` replaces the node's crash history; ``reason`` says why it waits or stays down.
    """

    delay_seconds: float | None
    crashes: tuple[float, ...]
    reason: Reason


def decide_restart(
    policy: RestartPolicy,
    crashes: tuple[float, ...],
    *,
    ready_seconds: float,
    now: float,
    chance: float,
    endless: bool = False,
) -> RestartDecision:
    """Decide after a process ended or could not be started at ``now`` (monotonic seconds).

    ``crashes`` are the moments of the ends since the last stable run, ``ready_seconds``
    how long the process had been ready (0: it never was), ``chance`` is in [0, 1).
    ``endless``: the host is at fault (a full disk), so the node is never given up.
    """
    if not policy.enabled:
        return RestartDecision(None, crashes, Reason.RESTARTS_DISABLED)
    if 0 < ready_seconds >= policy.stable_seconds:  # one that never was ready is never started at once
        return RestartDecision(0.0, (), Reason.CRASHED)
    recent = (*(at for at in crashes if now - at < policy.window_seconds), now)[-policy.max_crashes :]
    if len(recent) >= policy.max_crashes and not endless:
        return RestartDecision(None, recent, Reason.CRASH_LOOP)
    return RestartDecision(delay_seconds(policy, len(recent), chance), recent, Reason.BACK_OFF)


def delay_seconds(policy: RestartPolicy, crash_count: int, chance: float) -> float:
    """The back-off after the ``crash_count``-th end in a row, spread by ``chance`` in [0, 1)."""
    doublings = min(crash_count - 1, 30)  # 2**30 s is past any limit; keeps the float small
    delay = min(policy.first_delay_seconds * 2.0**doublings, policy.max_delay_seconds)
    return delay * (1.0 + policy.jitter * (2.0 * chance - 1.0))
