"""All kinds of faults by name, and the deck that they are drawn from.

Each fault does its harm, checks what must hold meanwhile, and repairs what an operator or an init script would.
It returns the names of what it has hit.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping

from soak import clocks, disks, kills, partitions
from soak.scene import Scene

Fault = Callable[[Scene], str]

KILLS: Mapping[str, Fault] = {
    "node killed": kills.kill_one_node,
    "three nodes killed": kills.kill_three_nodes,
    "agent killed": kills.kill_agent,
    "agent and a node killed": kills.kill_agent_and_a_node,
    "agent killed until offline": kills.kill_agent_until_offline,
    "agent paused": kills.pause_agent,
    "agent stopped": kills.stop_agent,
    "master killed": kills.kill_master,
    "master killed for a while": kills.kill_master_for_a_while,
    "master and agent killed": kills.kill_master_and_agent,
    "admin killed": kills.kill_admin,
}
PARTITIONS: Mapping[str, Fault] = {
    "partition both ways": partitions.cut_both_ways,
    "partition, agent to master": partitions.lose_what_an_agent_sends,
    "partition, master to agent": partitions.lose_what_the_master_sends,
}
DISKS: Mapping[str, Fault] = {
    "agent's disk full": disks.fill_an_agents_disk,
    "registry's disk full": disks.fill_the_registrys_disk,
}
CLOCKS: Mapping[str, Fault] = {
    "master's clock changed": clocks.turn_the_masters_clock,
    "agent's clock changed": clocks.turn_an_agents_clock,
    "all clocks changed": clocks.turn_every_clock,
}
FAULTS: Mapping[str, Fault] = {**KILLS, **PARTITIONS, **DISKS, **CLOCKS}


class Deck:
    """Draws every kind once before any kind again, in an order that the seed decides."""

    def __init__(self, rng: random.Random, kinds: Collection[str] = tuple(FAULTS)) -> None:
        self._rng = rng
        self._kinds = sorted(kinds)
        self._left: list[str] = []

    def draw(self) -> str:
        if not self._left:
            self._left = list(self._kinds)
            self._rng.shuffle(self._left)
        return self._left.pop()
