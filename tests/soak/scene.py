"""What a fault can touch, how it observes the grid, and where it records violations."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from support.faults.wall_clock import WallClock
from support.harness import processes
from support.harness.daemons import Daemon
from support.harness.grid import Grid
from support.harness.interfaces import Interface, NodeView, Refused

from soak.judge import wrong_statuses
from soak.ledger import Violation
from soak.watcher import Watcher

# The time that reading a status and a loaded machine can take beyond one heartbeat interval.
SLACK_SECONDS = 1.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a fault can disturb, by the name of a daemon: the small file system of its files, and its wall clock.

    ``left_out``: why a kind of fault can't be tried here.
    """

    disks: Mapping[str, Path] = field(default_factory=dict)
    clocks: Mapping[str, WallClock] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    def run_in(self) -> dict[str, Sequence[str]]:
        """The arguments before each daemon's command."""
        return {name: clock.run_in for name, clock in self.clocks.items()}


@dataclass(slots=True)
class Scene:
    """The grid under test. Used by the soak's main thread."""

    grid: Grid
    watcher: Watcher
    rng: random.Random
    surroundings: Surroundings = field(default_factory=Surroundings)
    violations: list[Violation] = field(default_factory=list)
    never: threading.Event = field(default_factory=threading.Event)

    # -- expectations --

    def expect(self, kind: str, check: Callable[[], bool], seconds: float, message: str) -> None:
        """Record a violation unless ``check`` becomes true in time."""
        deadline = time.monotonic() + seconds
        while not check():
            if time.monotonic() >= deadline:
                self.violations.append(Violation(kind, f"{message}: not within {seconds:g} s"))
                return
            self.never.wait(POLL_SECONDS)

    def expect_agent(self, name: str, status: str, seconds: float) -> None:
        message = f"{name} shown as {status}"
        self.expect("wrong status", lambda: self.grid.agent_statuses().get(name) == status, seconds, message)

    def expect_processes(self, seconds: float, message: str) -> None:
        """Expect that every node has a process again."""
        self.expect("not recovered", lambda: not self.watcher.missing(), seconds, message)

    def expect_unknown(self, node_ids: Collection[str], when: str) -> None:
        """Expect that exactly these nodes are reported as unknown."""
        self.violations += [
            Violation("wrong status", f"{view.node_id} is {view.status} {when}")
            for view in self._nodes()
            if (view.status == "unknown") != (view.node_id in node_ids)
        ]

    def expect_refusal(self, command: Callable[[], object], reasons: Collection[str], seconds: float) -> None:
        """Expect that the command fails in time, with one of the reasons."""
        began = time.monotonic()
        try:
            command()
        except Refused as refused:
            took = time.monotonic() - began
            if refused.reason not in reasons or took > seconds:
                message = f"refused after {took:.1f} s of {seconds:g} with {refused}, not for {' or '.join(reasons)}"
                self.violations.append(Violation("wrong refusal", message))
        else:
            self.violations.append(Violation("wrong refusal", f"not refused for {' or '.join(reasons)}"))

    def stay_right(self, seconds: float, when: str) -> None:
        """For so long every status on every interface is that of a grid where all is well."""
        deadline = time.monotonic() + seconds
        interfaces: dict[str, Interface] = {"master": self.grid.grpc, "admin": self.grid.rest}
        while time.monotonic() < deadline:
            for name, interface in interfaces.items():
                if wrong := self.wrong_statuses(interface):
                    message = f"by the {name}, {when}: {'; '.join(wrong)}"
                    self.violations.append(Violation("unstable status", message))
                    return
            self.never.wait(POLL_SECONDS)

    def wrong_statuses(self, interface: Interface) -> list[str]:
        """Describe each status that is wrong while every agent is up and every node runs."""
        try:
            nodes, agents = interface.nodes(), interface.agents()
        except (grpc.RpcError, Refused, OSError) as error:
            return [f"no answer: {error}"]
        return wrong_statuses(nodes, agents, self.watcher.sample(), list(self.grid.agents))

    # -- targets --

    def some_agent(self) -> tuple[str, Daemon]:
        return self.rng.choice(list(self.grid.agents.items()))

    def some_heard_agent(self) -> tuple[str, Daemon]:
        """An agent whose heartbeat this very master has received.

        One without a heartbeat since the master's start has a full grace period, and is not called degraded within it.
        """
        name, agent = self.some_agent()
        before = self.grid.agent(name).last_heartbeat
        limit = self.grid.spec.heartbeat_seconds * 2 + SLACK_SECONDS  # last_heartbeat has whole seconds
        shown = f"a heartbeat of {name} shown"
        self.expect("wrong status", lambda: self.grid.agent(name).last_heartbeat != before, limit, shown)
        return name, agent

    def nodes_of(self, agent_id: str) -> set[str]:
        return {view.node_id for view in self.grid.grpc.nodes() if view.agent_id == agent_id}

    def kill_nodes(self, count: int, among: Collection[str] | None = None) -> str:
        """Kill random nodes at once with SIGKILL. Returns their ids."""
        table = [found for found in self.watcher.sample() if among is None or found.node_id in among]
        victims = self.rng.sample(sorted(table, key=lambda found: found.node_id), min(count, len(table)))
        self.watcher.doom(victims)
        processes.kill(victim.pid for victim in victims)
        return ", ".join(victim.node_id for victim in victims)

    def doom(self, node_id: str) -> None:
        """Expect that the node's process ends: a command is about to end it."""
        self.watcher.doom(found for found in self.watcher.sample() if found.node_id == node_id)

    def stop(self, node_id: str) -> None:
        """Stop a node by a command to the master, and wait for the outcome."""
        self.doom(node_id)
        self._command("stop", self.grid.grpc.stop, node_id)

    def restart(self, node_id: str) -> None:
        self.doom(node_id)
        self._command("restart", self.grid.grpc.restart, node_id)

    def start(self, node_id: str) -> None:
        self._command("start", self.grid.grpc.start, node_id)

    def _command(self, verb: str, command: Callable[[str], object], node_id: str) -> None:
        try:
            command(node_id)
        except (grpc.RpcError, Refused) as error:
            self.violations.append(Violation("command failed", f"{verb} of {node_id}: {error}"))

    def _nodes(self) -> list[NodeView]:
        try:
            return self.grid.grpc.nodes()
        except grpc.RpcError as error:
            self.violations.append(Violation("master unavailable", f"nodes not listed: {error.code().name}"))
            return []
