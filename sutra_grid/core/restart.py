"""Decides when a node that crashed is started again, and when a crash loop is given up.

Pure: time and chance are arguments. A node that was ready for ``stable_seconds`` is started again at once. Any other
waits: ``first_delay_seconds``, then twice as long each time, up to ``max_delay_seconds``. ``jitter`` spreads the
delays, so that nodes that crashed for one cause do not restart in step. After ``max_crashes`` ends within the window
without a stable run, the node stays failed until somebody starts it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sutra_grid.core.types import Reason


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How a node is restarted. ``jitter`` is a fraction: 0.1 changes a delay by up to 10 % in both directions."""

    enabled: bool = True
    stable_seconds: float = 30.0
    first_delay_seconds: float = 1.0
    max_delay_seconds: float = 60.0
    max_crashes: int = 8
    window_seconds: float = 600.0
    jitter: float = 0.1


@dataclass(frozen=True, slots=True)
class RestartDecision:
    """What follows an end: the next start after ``delay_seconds``, or none (None).

    ``crashes`` replaces the node's crash history; ``reason`` says why the node waits or is not started again.
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
) -> RestartDecision:
    """Decide what follows after a process ended, or could not be started, at ``now`` (monotonic seconds).

    ``crashes``: when the process ended since the last stable run. ``ready_seconds``: how long it had been
    ready (0: never). ``chance`` is in [0, 1).
    """
    if not policy.enabled:
        return RestartDecision(None, crashes, Reason.RESTARTS_DISABLED)
    if 0 < ready_seconds >= policy.stable_seconds:  # one that never was ready always waits
        return RestartDecision(0.0, (), Reason.CRASHED)
    recent = (*(at for at in crashes if now - at < policy.window_seconds), now)[-policy.max_crashes :]
    if len(recent) >= policy.max_crashes:
        return RestartDecision(None, recent, Reason.CRASH_LOOP)
    return RestartDecision(delay_seconds(policy, len(recent), chance), recent, Reason.BACK_OFF)


def delay_seconds(policy: RestartPolicy, crash_count: int, chance: float) -> float:
    """The back-off after the ``crash_count``-th end in a row, spread by ``chance`` in [0, 1)."""
    doublings = min(crash_count - 1, 30)  # 2**30 s is past any limit; keeps the float small
    delay = min(policy.first_delay_seconds * 2.0**doublings, policy.max_delay_seconds)
    return delay * (1.0 + policy.jitter * (2.0 * chance - 1.0))
