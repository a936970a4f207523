"""What mutual TLS costs beside plaintext: ``tox -e bench -- tls [--rounds 5]``.

Two grids run side by side, one with mutual TLS and one without, and each measurement alternates between them: a
machine's speed says nothing and ratios do. CPU time is that of the master's process. Not a test: it asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import psutil
from support.harness.grid import Grid, GridSpec

from sutra_grid.core.access.identity import Role, master_server_name
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.channels import open_channel
from sutra_grid.wire.grid_pb2_grpc import GridMasterStub

BEATS = 500
RECONNECTS = 50
SPAWNS = 5
AGENT = "bench-1"
CALL_SECONDS = 30.0


@dataclass
class Side:
    """One of the two grids, and what was measured of it. Seconds, of one call."""

    grid: Grid
    seconds: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)

    def channel(self) -> grpc.Channel:
        """A connection of its own as an agent, which resumes no TLS session."""
        tls = self.grid.tls
        if tls is None:
            return open_channel(self.grid.master_address)
        shown = self.shown
        credentials = grpc.ssl_channel_credentials(shown.ca_pem, shown.key_pem, shown.certificate_pem)
        name = master_server_name(tls.authority.grid)
        return open_channel(self.grid.master_address, credentials=credentials, server_name=name)

    def __post_init__(self) -> None:
        if self.grid.tls is not None:
            self.shown = self.grid.tls.authority.credentials(Role.AGENT, AGENT)
        info = pb.AgentInfo(
            agent_id=AGENT, hostname=AGENT, platform="docker", max_storage_nodes=1, version="0.1.0",
            agent_endpoint="127.0.0.1:1", host_id=AGENT, instance_id=AGENT, heartbeat_interval_ms=600_000,
        )  # fmt: skip
        with self.channel() as channel:
            answer = GridMasterStub(channel).RegisterAgent(info, timeout=CALL_SECONDS, wait_for_ready=True)
        self.beat = pb.HeartbeatRequest(agent_id=AGENT, session_id=answer.session_id)

    def measure(self, name: str, calls: int, call: Callable[[], object]) -> None:
        process = psutil.Process(self.grid.master.pid)
        before = sum(process.cpu_times()[:2])
        for _ in range(calls):
            began = time.perf_counter()
            call()
            self.seconds.setdefault(name, []).append(time.perf_counter() - began)
        self.cpu.setdefault(name, []).append((sum(process.cpu_times()[:2]) - before) / calls)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="alternations of each measurement")
    options = parser.parse_args()
    print(f"load at the begin: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        plain_spec, tls_spec = GridSpec(with_admin=False), GridSpec(with_admin=False, with_tls=True)
        with Grid(root / "plain", plain_spec) as plain, Grid(root / "tls", tls_spec) as tls:
            sides = Side(plain), Side(tls)
            for _ in range(options.rounds):
                for side in sides:
                    measure_round(side)
            for name in sides[0].seconds:
                report(name, *sides)
    print(f"load at the end: {os.getloadavg()[0]:.1f}")


def measure_round(side: Side) -> None:
    with side.channel() as channel:
        stub = GridMasterStub(channel)
        stub.Heartbeat(side.beat, timeout=CALL_SECONDS, wait_for_ready=True)
        side.measure("heartbeat", BEATS, lambda: stub.Heartbeat(side.beat, timeout=CALL_SECONDS))
    side.measure("connection and heartbeat", RECONNECTS, lambda: reconnect(side))
    spawned: list[str] = []
    side.measure("spawn until running", SPAWNS, lambda: spawned.append(side.grid.grpc.spawn("agent-1").node_id))
    for node_id in spawned:
        side.grid.grpc.remove(node_id)


def reconnect(side: Side) -> None:
    with side.channel() as channel:
        GridMasterStub(channel).Heartbeat(side.beat, timeout=CALL_SECONDS, wait_for_ready=True)


def report(name: str, plain: Side, tls: Side) -> None:
    """Medians and 99th percentiles of a call, and the median CPU time of the master, of both and their ratio."""
    for what, of in (
        ("p50", lambda side: statistics.median(side.seconds[name])),
        ("p99", lambda side: statistics.quantiles(side.seconds[name], n=100)[98]),
        ("master's CPU", lambda side: statistics.median(side.cpu[name])),
    ):
        without, with_tls = of(plain) * 1000, of(tls) * 1000
        ratio = f"x{with_tls / without:.2f}" if without else "-"
        print(f"{name:<26} {what:<13} {without:>9.3f} ms  {with_tls:>9.3f} ms  {ratio}", flush=True)


if __name__ == "__main__":
    main()
