"""The faults: each does its harm, checks what must hold meanwhile, and puts back what an init script would."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc
from support import processes
from support.daemons import Daemon, serves_http
from support.faces import NodeView
from support.grid import Grid

from soak.ledger import Violation
from soak.watcher import Watcher

# What reading a status and a loaded machine may take on top of one heartbeat interval.
SLACK_SECONDS = 1.0
POLL_SECONDS = 0.05


@dataclass(slots=True)
class Scene:
    """What a fault may touch, and where it tells what it saw go wrong."""

    grid: Grid
    watcher: Watcher
    rng: random.Random
    violations: list[Violation] = field(default_factory=list)
    never: threading.Event = field(default_factory=threading.Event)

    def promise(self, kind: str, check: Callable[[], bool], seconds: float, message: str) -> None:
        """Record a violation unless ``check`` becomes true in time."""
        deadline = time.monotonic() + seconds
        while not check():
            if time.monotonic() >= deadline:
                self.violations.append(Violation(kind, f"{message}: not within {seconds:g} s"))
                return
            self.never.wait(POLL_SECONDS)

    def some_agent(self) -> tuple[str, Daemon]:
        return self.rng.choice(list(self.grid.agents.items()))

    def kill_nodes(self, count: int, among: set[str] | None = None) -> str:
        """SIGKILL random nodes, all at once; which."""
        table = [found for found in self.watcher.sample() if among is None or found.node_id in among]
        victims = self.rng.sample(sorted(table, key=lambda found: found.node_id), min(count, len(table)))
        self.watcher.doom(victims)
        processes.kill(victim.pid for victim in victims)
        return ", ".join(victim.node_id for victim in victims)

    def nodes_of(self, agent_id: str) -> set[str]:
        return {view.node_id for view in self.grid.grpc.nodes() if view.agent_id == agent_id}


def kill_one_node(scene: Scene) -> str:
    return scene.kill_nodes(1)


def kill_three_nodes(scene: Scene) -> str:
    return scene.kill_nodes(3)


def kill_agent(scene: Scene) -> str:
    name, agent = scene.some_agent()
    agent.kill()
    agent.start()
    return name


def kill_agent_and_a_node(scene: Scene) -> str:
    """The node dies while nobody watches it."""
    name, agent = _some_heard_agent(scene)
    own = scene.nodes_of(name)
    agent.kill()
    victim = scene.kill_nodes(1, own)
    agent.start()
    return f"{name} and {victim}"


def kill_agent_until_offline(scene: Scene) -> str:
    """Degraded after three missed heartbeats, offline after six, each within one interval; nodes unknown, and alive."""
    name, agent = _some_heard_agent(scene)
    own = scene.nodes_of(name)
    interval = scene.grid.spec.heartbeat_seconds
    agent.kill()
    for status, missed in (("degraded", 3), ("offline", 6)):
        limit = interval * (missed + 1) if status == "degraded" else interval * 4
        _promise_agent(scene, name, status, limit + SLACK_SECONDS)
    views = _nodes(scene)
    scene.violations += [
        Violation("wrong status", f"{view.node_id} is {view.status} while {name} is offline")
        for view in views
        if (view.status == "unknown") != (view.node_id in own)
    ]
    agent.start()
    return name


def pause_agent(scene: Scene) -> str:
    """Stopped for long enough to be degraded, as by a debugger or a swapping host."""
    name, agent = _some_heard_agent(scene)
    agent.signal(signal.SIGSTOP)
    _promise_agent(scene, name, "degraded", scene.grid.spec.heartbeat_seconds * 4 + SLACK_SECONDS)
    agent.signal(signal.SIGCONT)
    return name


def stop_agent(scene: Scene) -> str:
    """A purposeful stop: offline at once, with that reason."""
    name, agent = scene.some_agent()
    agent.stop()
    _promise_agent(scene, name, "offline", SLACK_SECONDS)
    agent.start()
    return name


def kill_master(scene: Scene) -> str:
    scene.grid.master.kill()
    scene.grid.master.start()
    return ""


def kill_master_for_a_while(scene: Scene) -> str:
    """The admin goes on answering, and a node that dies meanwhile is restarted by its agent."""
    scene.grid.master.kill()
    victim = scene.kill_nodes(1)
    message = "GET /nodes answered without the master"
    scene.promise("admin silent", lambda: serves_http(scene.grid.admin_address, "/nodes"), SLACK_SECONDS, message)
    scene.promise("not recovered", lambda: not scene.watcher.missing(), 20, f"{victim} back without the master")
    scene.grid.master.start()
    return victim


def kill_master_and_agent(scene: Scene) -> str:
    name, agent = scene.some_agent()
    scene.grid.master.kill()
    agent.kill()
    agent.start()
    scene.grid.master.start()
    return name


def kill_admin(scene: Scene) -> str:
    scene.grid.admin.kill()
    scene.grid.admin.start()
    return ""


FAULTS: dict[str, Callable[[Scene], str]] = {
    "node killed": kill_one_node,
    "three nodes killed": kill_three_nodes,
    "agent killed": kill_agent,
    "agent and a node killed": kill_agent_and_a_node,
    "agent killed until offline": kill_agent_until_offline,
    "agent paused": pause_agent,
    "agent stopped": stop_agent,
    "master killed": kill_master,
    "master killed for a while": kill_master_for_a_while,
    "master and agent killed": kill_master_and_agent,
    "admin killed": kill_admin,
}


class Deck:
    """Every kind comes once before any comes again, in an order that the seed decides."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._left: list[str] = []

    def draw(self) -> str:
        if not self._left:
            self._left = sorted(FAULTS)
            self._rng.shuffle(self._left)
        return self._left.pop()


def _some_heard_agent(scene: Scene) -> tuple[str, Daemon]:
    """An agent that this very master has heard.

    One that was not heard since the master's start has a full grace period, and is not called degraded within it.
    """
    name, agent = scene.some_agent()
    before = scene.grid.agent(name).last_heartbeat
    limit = scene.grid.spec.heartbeat_seconds * 2 + SLACK_SECONDS  # its time has whole seconds
    heard = f"a heartbeat of {name} shown"
    scene.promise("wrong status", lambda: scene.grid.agent(name).last_heartbeat > before, limit, heard)
    return name, agent


def _promise_agent(scene: Scene, name: str, status: str, seconds: float) -> None:
    message = f"{name} shown as {status}"
    scene.promise("wrong status", lambda: scene.grid.agent_statuses().get(name) == status, seconds, message)


def _nodes(scene: Scene) -> list[NodeView]:
    try:
        return scene.grid.grpc.nodes()
    except grpc.RpcError as error:
        scene.violations.append(Violation("master silent", f"nodes not listed: {error.code().name}"))
        return []
