"""The rules that histories consist of, and how histories are played."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from model.agent_process import ENGINES, Host
from model.network import Weather
from model.world import FIRST_PORT, HOSTS, World

STEPS = 40  # number of rules in a history

PAUSES = (0.0, 0.0, 0.001, 0.003, 0.06, 0.3, 1.0, 3.0, 7.0)

hosts = st.integers(0, HOSTS - 1)
nodes = st.integers(0, 5)
steps = st.integers(0, 16)
pauses = st.sampled_from(PAUSES)
#: Which process dies in the middle of a command, and after how many of its effects.
deaths = st.one_of(st.none(), st.none(), st.tuples(st.sampled_from(["master", "agent"]), steps))
Death = tuple[str, int] | None


class GridMachine(RuleBasedStateMachine):
    """Each rule is something that happens to a grid. The judge checks everything after each settling and at the end."""

    directory: ClassVar[Path] = Path()
    template: ClassVar[bytes] = b""
    played: ClassVar[int] = 0
    _numbers: ClassVar = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        GridMachine.played += 1
        self._patch = pytest.MonkeyPatch()
        self._home = self.directory / f"history-{next(self._numbers)}"
        self._home.mkdir()
        self.world = World(self._home, self.template, self._patch.setattr)

    def teardown(self) -> None:
        try:
            self.world.settle()
        finally:
            self.world.close()
            self._patch.undo()
            shutil.rmtree(self._home)

    def host(self, number: int) -> Host:
        return self.world.hosts[number]

    def node(self, number: int) -> str:
        known = self.world.nodes()
        return known[-1 - number % len(known)]

    def has_nodes(self) -> bool:
        return bool(self.world.nodes())

    def has_master(self) -> bool:
        return self.world.master.life.alive

    def can_command(self) -> bool:
        return self.has_master() and self.has_nodes()

    # -- time and settling --

    @initialize(engines=st.lists(st.sampled_from(ENGINES), max_size=4))
    def some_nodes_run(self, engines: list[str]) -> None:
        for engine in engines:
            self.world.clients.spawn("", engine)
            self.world.pass_time(1.5)

    @rule(seconds=st.sampled_from([0.01, 0.1, 0.6, 2.0, 5.0, 12.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule()
    def peace_comes(self) -> None:
        self.world.settle()

    # -- operators --

    @precondition(has_master)
    @rule(
        agent=st.sampled_from(["", "", "agent-1", "agent-2"]),
        engine=st.sampled_from(ENGINES),
        port=st.sampled_from([0, 0, 0, FIRST_PORT, FIRST_PORT + 1]),
        death=deaths,
        pause=pauses,
    )
    def spawn(self, agent: str, engine: str, port: int, death: Death, pause: float) -> None:
        self._doom(death, self.host(1 if agent == "agent-2" else 0))
        self.world.clients.spawn(agent, engine, port)
        self.world.pass_time(pause)

    @precondition(can_command)
    @rule(node=nodes, death=deaths, pause=pauses)
    def stop(self, node: int, death: Death, pause: float) -> None:
        self._command("Stop", node, death, pause)

    @precondition(can_command)
    @rule(node=nodes, death=deaths, pause=pauses)
    def start(self, node: int, death: Death, pause: float) -> None:
        self._command("Start", node, death, pause)

    @precondition(can_command)
    @rule(node=nodes, death=deaths, pause=pauses)
    def restart(self, node: int, death: Death, pause: float) -> None:
        self._command("Restart", node, death, pause)

    @precondition(can_command)
    @rule(node=nodes, death=deaths, pause=pauses)
    def remove(self, node: int, death: Death, pause: float) -> None:
        self._command("Remove", node, death, pause)

    @precondition(can_command)
    @rule(
        node=nodes,
        kinds=st.permutations(["Stop", "Start", "Restart"]),
        chance=st.integers(0, 1000),
        gap=st.sampled_from([0.01, 0.3, 1.0]),
    )
    def operators_contradict_each_other(self, node: int, kinds: list[str], chance: int, gap: float) -> None:
        """Contradicting commands, while messages overtake each other."""
        self.world.set_weather(Weather(duplicates=0.5, delay_seconds=4.0), chance)
        for kind in kinds:
            self._command(kind, node, None, gap)
        self.world.pass_time(4.0)

    def _command(self, kind: str, node: int, death: Death, pause: float) -> None:
        node_id = self.node(node)
        self._doom(death, self.world.host_of(node_id))
        self.world.clients.command(kind, node_id)
        self.world.pass_time(pause)

    def _doom(self, death: Death, host: Host) -> None:
        if death is not None and death[0] == "master":
            self.world.doom_master(death[1])
        elif death is not None:
            self.world.doom_agent(host, death[1])

    @precondition(has_master)
    @rule(pause=pauses)
    def retry(self, pause: float) -> None:
        self.world.clients.retry()
        self.world.pass_time(pause)

    # -- nodes --

    @precondition(has_nodes)
    @rule(node=nodes, signal=st.sampled_from([0, 9, 11]), pause=pauses)
    def node_dies(self, node: int, signal: int, pause: float) -> None:
        self.world.crash_node(self.node(node), signal)
        self.world.pass_time(pause)

    # -- daemons --

    @rule(host=hosts, how=st.sampled_from(["kill", "doom", "stop"]), steps=steps, pause=pauses)
    def agent_ends(self, host: int, how: str, steps: int, pause: float) -> None:
        if how == "kill":
            self.world.kill_agent(self.host(host))
        elif how == "stop":
            self.world.stop_agent(self.host(host))
        else:
            self.world.doom_agent(self.host(host), steps)
        self.world.pass_time(pause)

    @precondition(lambda self: not all(host.alive for host in self.world.hosts))
    @rule(host=hosts, dies_after=st.one_of(st.none(), steps), pause=pauses)
    def agent_starts(self, host: int, dies_after: int | None, pause: float) -> None:
        self.world.start_agent(self.host(host), dies_after)
        self.world.pass_time(pause)

    @rule(dies_after=st.one_of(st.none(), steps), pause=pauses)
    def master_ends(self, dies_after: int | None, pause: float) -> None:
        if dies_after is None:
            self.world.kill_master()
        else:
            self.world.doom_master(dies_after)
        self.world.pass_time(pause)

    @precondition(lambda self: not self.has_master())
    @rule(pause=pauses)
    def master_starts(self, pause: float) -> None:
        self.world.start_master()
        self.world.pass_time(pause)

    # -- the network --

    @rule(host=hosts, to_master=st.booleans(), from_master=st.booleans())
    def network_is_cut(self, host: int, to_master: bool, from_master: bool) -> None:
        self.world.cut(self.host(host), to_master=to_master, from_master=from_master)

    @precondition(lambda self: not self.world.is_calm())
    @rule()
    def network_heals(self) -> None:
        self.world.heal_network()

    @rule(
        loss=st.sampled_from([0.0, 0.2, 0.6]),
        duplicates=st.sampled_from([0.0, 0.5]),
        delay=st.sampled_from([0.0, 0.5, 4.0]),
        chance=st.integers(0, 1000),
    )
    def weather_changes(self, loss: float, duplicates: float, delay: float, chance: int) -> None:
        self.world.set_weather(Weather(loss, duplicates, delay), chance)

    # -- rare events --

    @rule(host=hosts, number=nodes, yes=st.booleans(), data=st.data())
    def disaster_strikes(self, host: int, number: int, yes: bool, data: st.DataObject) -> None:
        disasters: dict[str, Callable[[], None]] = {
            "copy registry": self.world.copy_registry,
            "restore registry": lambda: self.world.lose_registry(number),
            "delete registry": lambda: self.world.lose_registry(None),
            "registry is locked": lambda: self.world.lock_registry(yes),
            "reboot": lambda: self.world.reboot(self.host(host)),
            "full disk": lambda: self.world.fill_disk(self.host(host)),
            "a foreign process gets the pid": lambda: self.world.give_pid_to_foreign_process(self.host(host), yes),
            "wall clock": lambda: self.world.turn_wall_clock(7200.0 if yes else -7200.0),
            "node hangs": lambda: self.world.hang_nodes(self.host(host)),
            "older process": lambda: self.world.clients.beat_as_older_process(
                self.host(host), lambda: self.world.record_of(self.host(host))
            ),
            "impostor": lambda: self.world.clients.register_as_other_host(self.world.record_of(self.host(host))),
            "agent is removed": lambda: self.world.clients.remove_agent(self.host(host)),
        }
        disasters[data.draw(st.sampled_from(sorted(disasters)), label="disaster")]()
        self.world.pass_time(0.01)


def play(histories: int, the_seed: int, *, shrink: bool = True) -> None:
    """Raises for the shortest history found that violates an invariant; without ``shrink`` for the first."""
    machine: Any = seed(the_seed)(type("SeededGrid", (GridMachine,), {}))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=histories,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=False,
            report_multiple_bugs=False,
            phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
