"""What the agent's configuration says of the nodes of one engine."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field

from sutra_grid.core.restart import RestartPolicy


@dataclass(frozen=True, slots=True)
class NodeRules:
    """What the agent's configuration says of nodes of one engine. All times in seconds."""

    restart: RestartPolicy = field(default_factory=RestartPolicy)
    stop_signal: int = signal.SIGTERM
    stop_grace_seconds: float = 10.0
    reap_seconds: float = 10.0  # after SIGKILL, until the node is reported as not killable
    probed: bool = True  # False: ready when alive for settle_seconds
    settle_seconds: float = 1.0
    start_probe_seconds: float = 0.1
    start_timeout_seconds: float = 60.0
    probe_interval_seconds: float = 10.0
    unhealthy_after_failures: int = 3
    restart_unhealthy_after_seconds: float = 0.0  # 0: a hung node is left to a person
