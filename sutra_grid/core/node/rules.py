"""The settings of one engine that a node's state machine decides by."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field

from sutra_grid.core.restart import RestartPolicy


@dataclass(frozen=True, slots=True)
class NodeRules:
    """How nodes of one engine are started, probed, stopped and restarted. All times in seconds."""

    restart: RestartPolicy = field(default_factory=RestartPolicy)
    stop_signal: int = signal.SIGTERM
    stop_all_members: bool = False  # True: the stop signal goes to every member of the launch, not to the leader only
    stop_grace_seconds: float = 10.0
    reap_seconds: float = 10.0  # after SIGKILL, until the report says that a process can't be killed
    probed: bool = True  # False: ready when alive for settle_seconds
    settle_seconds: float = 1.0
    start_probe_seconds: float = 0.1
    start_timeout_seconds: float = 60.0
    probe_interval_seconds: float = 10.0
    unhealthy_after_failures: int = 3
    restart_unhealthy_after_seconds: float = 0.0  # 0: a hung node is left to a person
    listen_host: str = "127.0.0.1"  # the IP address that the next launch listens on
    tls: bool = False  # whether the next launch needs a certificate of the node
    endpoint: str = ""  # host:port that is told when the node answers there; empty: none
