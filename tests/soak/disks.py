"""Disks that are full for a while: the disk of an agent and its nodes, and the disk of the registry."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import grpc
from support.faults.tmpfs import fill

from soak.ledger import Violation
from soak.scene import SLACK_SECONDS, Scene
from sutra_grid.wire import grid_pb2 as pb

MASTER = "master"
COMMAND_SECONDS = 15.0
ROOM_SECONDS = 5.0
BACK_SECONDS = 20.0


def fill_an_agents_disk(scene: Scene) -> str:
    """No node is created; heartbeats, reads and stops go on; a node that dies comes back when there is space.

    Until then its starts fail, or it exits because it can't open its store. A node whose disk refused a write is
    read-only until it is restarted. That is left to the operator, and here to the soak.
    """
    name = scene.rng.choice(sorted(set(scene.surroundings.disks) - {MASTER}))
    killed, *others = scene.rng.sample(sorted(scene.nodes_of(name)), len(scene.nodes_of(name)))
    stopped = others[:1]
    with scene.watcher.excused(killed):
        _fill_and_free(scene, name, killed, stopped)
    for node_id in stopped:
        scene.start(node_id)
    for node_id in (killed, *others[1:]):
        scene.restart(node_id)
    return f"{name}, {killed} killed and {', '.join(stopped) or 'none'} stopped meanwhile"


def _fill_and_free(scene: Scene, name: str, killed: str, stopped: Sequence[str]) -> None:
    with _full(scene.surroundings.disks[name]):
        scene.expect_refusal(lambda: scene.grid.grpc.spawn(name), {"disk_full"}, COMMAND_SECONDS)
        for node_id in stopped:
            scene.stop(node_id)
        scene.kill_nodes(1, {killed})
        _expect_all_healthy(scene, f"while the disk of {name} was full")
    scene.expect(
        "not recovered",
        lambda: scene.grid.grpc.show(killed).status == "running",
        BACK_SECONDS,
        f"{killed} back when there was room",
    )


def fill_the_registrys_disk(scene: Scene) -> str:
    """Commands fail with the reason; heartbeats go on; a node that dies is restarted; later everything works again."""
    name, _ = scene.some_agent()
    disk = scene.surroundings.disks[MASTER]
    _empty_write_ahead_log(disk / "registry.db")
    with _full(disk):
        scene.expect_refusal(
            lambda: scene.grid.grpc.stop(sorted(scene.nodes_of(name))[0]), {"registry_unavailable"}, COMMAND_SECONDS
        )
        victim = scene.kill_nodes(1)
        scene.expect_processes(BACK_SECONDS, f"{victim} back while the registry's disk was full")
        _expect_all_healthy(scene, "while the registry's disk was full")
    scene.expect("registry lost", lambda: _takes_commands(scene, name), ROOM_SECONDS, "commands taken again")
    return f"{victim} killed meanwhile"


@contextlib.contextmanager
def _full(disk: Path) -> Iterator[None]:
    filler = fill(disk)
    try:
        yield
    finally:
        filler.unlink()


def _empty_write_ahead_log(registry: Path) -> None:
    """SQLite overwrites an existing log without new space. Without a log, the next commit needs space."""
    with contextlib.closing(sqlite3.connect(registry, timeout=5)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _expect_all_healthy(scene: Scene, when: str) -> None:
    """Check that every agent stays healthy for longer than it takes to become degraded."""
    scene.never.wait(scene.grid.spec.heartbeat_seconds * 3 + SLACK_SECONDS)
    statuses = scene.grid.agent_statuses()
    if set(statuses.values()) != {"healthy"} or set(statuses) != set(scene.grid.agents):
        scene.violations.append(Violation("wrong status", f"agents {statuses} {when}"))


def _takes_commands(scene: Scene, name: str) -> bool:
    command = pb.AgentCommand(agent_id=name)
    try:
        scene.grid.stub.DrainAgent(command, timeout=COMMAND_SECONDS)
        scene.grid.stub.UndrainAgent(command, timeout=COMMAND_SECONDS)
    except grpc.RpcError:
        return False
    return True
