"""Wall clocks that jump by hours, as an administrator or a broken NTP server can cause it."""

from __future__ import annotations

from collections.abc import Iterable

from soak.scene import Scene

HOUR_SECONDS = 3600
JUMPS_HOURS = (-25, -5, 5, 25)
WATCHED_HEARTBEATS = 4  # more than an agent can miss without becoming degraded
BACK_SECONDS = 20.0


def turn_the_masters_clock(scene: Scene) -> str:
    return _turn(scene, ["master"])


def turn_an_agents_clock(scene: Scene) -> str:
    """Set the clock of an agent and of its nodes."""
    return _turn(scene, [scene.some_agent()[0]])


def turn_every_clock(scene: Scene) -> str:
    return _turn(scene, scene.surroundings.clocks)


def _turn(scene: Scene, names: Iterable[str]) -> str:
    """Set clocks and check that nothing changes and that a killed node is restarted; then set them back."""
    hours = scene.rng.choice(JUMPS_HOURS)
    clocks = [scene.surroundings.clocks[name] for name in names]
    seconds = scene.grid.spec.heartbeat_seconds * WATCHED_HEARTBEATS
    try:
        for clock in clocks:
            clock.turn_to(hours * HOUR_SECONDS)
        scene.stay_right(seconds, f"while clocks were {hours:+d} hours off")
        victim = scene.kill_nodes(1)
        scene.expect_processes(BACK_SECONDS, f"{victim} back while clocks were off")
    finally:
        for clock in clocks:
            clock.turn_to(0)
    return f"by {hours:+d} hours, {victim} killed meanwhile"
