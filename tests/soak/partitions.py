"""Partitions between the master and one agent. The nodes behind them keep serving and are not restarted."""

from __future__ import annotations

from collections.abc import Callable

from support.faults.link import Link

from soak.scene import SLACK_SECONDS, Scene

# A call that hangs ends after 5 s, and the next one opens a new connection.
HEAL_SECONDS = 5.0
COMMAND_SECONDS = 5.0
BACK_SECONDS = 20.0


def cut_both_ways(scene: Scene) -> str:
    """Commands meanwhile are refused with the reason, recorded and carried out at the agent's next heartbeat."""
    name, own = _part(scene, Link.cut)
    node_id = scene.rng.choice(sorted(own))
    scene.doom(node_id)
    scene.expect_refusal(lambda: scene.grid.grpc.stop(node_id), {"agent_offline"}, COMMAND_SECONDS)
    _heal(scene, name)
    stopped = f"{node_id} stopped, as commanded while {name} was cut off"
    scene.expect("not carried out", lambda: scene.grid.grpc.show(node_id).status == "stopped", BACK_SECONDS, stopped)
    scene.start(node_id)
    return f"{name}, with a stop of {node_id}"


def lose_what_an_agent_sends(scene: Scene) -> str:
    name, _ = _part(scene, Link.lose_what_the_agent_sends)
    _heal(scene, name)
    return name


def lose_what_the_master_sends(scene: Scene) -> str:
    """A node dies while its agent receives nothing: it is back without the master."""
    name, own = _part(scene, Link.lose_what_the_master_sends)
    victim = scene.kill_nodes(1, own)
    scene.expect_processes(BACK_SECONDS, f"{victim} back behind the partition")
    _heal(scene, name)
    return f"{name}, and {victim} killed"


def _part(scene: Scene, lose: Callable[[Link], None]) -> tuple[str, set[str]]:
    """Cut an agent off from the master until it is offline. Returns its id and its nodes."""
    name, _ = scene.some_heard_agent()
    own = scene.nodes_of(name)
    interval = scene.grid.spec.heartbeat_seconds
    lose(scene.grid.links[name])
    # A message that was in transit can count as one more heartbeat.
    scene.expect_agent(name, "degraded", interval * 5 + SLACK_SECONDS)
    scene.expect_agent(name, "offline", interval * 4 + SLACK_SECONDS)
    scene.expect_unknown(own, f"while {name} is cut off")
    return name, own


def _heal(scene: Scene, name: str) -> None:
    scene.grid.links[name].join()
    scene.expect_agent(name, "healthy", scene.grid.spec.heartbeat_seconds + HEAL_SECONDS + SLACK_SECONDS)
