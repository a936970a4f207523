"""Random histories: commands, lost and late messages, crashes, restarts of the master; then quiet, and all must agree.

The master's own code without its threads and its port, a real registry, agents in memory, a clock that the test moves.
"""

from __future__ import annotations

import itertools
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.fakes.clock import FakeClock
from support.fakes.in_memory_agent import InMemoryAgent

from sutra_grid.core.errors import DeadlineExceeded, GridError, Unavailable
from sutra_grid.core.types import Agent, Assignment, Desired, Node, NodeReport, NodeSpec, Reason
from sutra_grid.master.commands.applier import Deadline
from sutra_grid.master.commands.idempotent_calls import Attempt, CallId
from sutra_grid.master.commands.nodes import Command
from sutra_grid.master.config import MasterConfig
from sutra_grid.master.master import MasterCore
from sutra_grid.master.membership.heartbeat_handler import Heartbeat
from sutra_grid.registry import Registry
from sutra_grid.wire import grid_pb2 as pb

AGENTS = ("agent-1", "agent-2")
PICK = st.integers(0, 999)
NETWORK = st.sampled_from(["fine", "fine", "fine", "request lost", "answer lost"])


class Network:
    """Carries the master's calls to agents in memory, as well as it is told to."""

    def __init__(self, agents: dict[str, InMemoryAgent]) -> None:
        self.agents = agents
        self.weather = "fine"

    def apply(self, agent: Agent, assignment: Assignment, timeout_seconds: float) -> NodeReport:
        if self.weather == "request lost":
            raise Unavailable("unreachable", reason=Reason.AGENT_UNREACHABLE)
        report = self.agents[agent.agent_id].obey(assignment)
        if self.weather == "answer lost":
            raise DeadlineExceeded("no answer", reason=Reason.AGENT_UNREACHABLE)
        return report

    def read_log(self, agent: Agent, request: pb.LogRequest, timeout_seconds: float) -> pb.LogChunk:
        raise AssertionError("no history reads logs")

    def samples(self, agent: Agent, node_id: str, timeout_seconds: float) -> pb.NodeSampleList:
        raise AssertionError("no history reads samples")

    def forget(self, agent_id: str) -> None:
        pass


class Histories(RuleBasedStateMachine):
    """One grid and everything that may happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.registry_file = Path(self.directory.name) / "registry.db"
        self.clock = FakeClock()
        self.agents = {name: InMemoryAgent(name) for name in AGENTS}
        self.sessions: dict[str, str] = {}
        self.network = Network(self.agents)
        self.ids = itertools.count()
        self.late: list[Heartbeat] = []
        self.gone: set[str] = set()  # nodes that must not run: removed, or their spawn failed
        self.commanded: set[str] = set()  # nodes that somebody stopped, restarted or removed, or whose spawn failed
        self.copy: tuple[bytes, set[str]] = (b"", set())  # of the registry, and what was gone at that time
        self.start_master()

    def start_master(self) -> None:
        self.registry = Registry.open(f"sqlite:///{self.registry_file}", migrate=True)
        self.core = MasterCore(MasterConfig(), self.registry, self.network, self.clock, self.new_id)

    def new_id(self) -> str:
        return f"node-{next(self.ids):08x}"

    def teardown(self) -> None:
        """Every history ends with quiet."""
        try:
            if self.sessions:
                self.quiet()
        finally:
            self.registry.close()
            self.directory.cleanup()

    @initialize()
    def a_grid_with_nodes(self) -> None:
        for name in AGENTS:
            self.register(name)
        for _ in range(3):
            self.spawn("fine")
        self.master_restarts("kept and copied")

    def register(self, name: str) -> None:
        agent = self.agents[name]
        info = Agent(
            name, "host", "desktop", 50, endpoint="nowhere:1", host_id=name, instance_id="i", engines=("storage",)
        )
        registered = self.core.registrar.register(info, list(agent.journal.values()))
        self.sessions[name] = registered.session_id
        for assignment in registered.assignments:
            agent.obey(assignment)

    # -- what operators do --

    @rule(weather=NETWORK)
    def spawn(self, weather: str) -> None:
        self.network.weather = weather
        known = {node.node_id for node in self.registry.nodes()} | set(self.registry.tombstones())
        try:
            self.core.spawner.spawn("", NodeSpec(), self.attempt(), Deadline(self.clock, 5))
        except GridError:
            made = {node.node_id for node in self.registry.nodes()} | set(self.registry.tombstones())
            self.gone |= made - known
            self.commanded |= made - known
        self.network.weather = "fine"

    @rule(pick=PICK, command=st.sampled_from(list(Command)), weather=NETWORK)
    def command(self, pick: int, command: Command, weather: str) -> None:
        nodes = self.core.state.nodes.all()
        if not nodes:
            return
        node = nodes[pick % len(nodes)]
        self.network.weather = weather
        with suppress(GridError):
            self.core.node_commands.run(command, node.node_id, self.attempt(), Deadline(self.clock, 5))
        self.network.weather = "fine"
        if command is Command.REMOVE:
            self.gone.add(node.node_id)
        if command is not Command.START:
            self.commanded.add(node.node_id)

    def attempt(self) -> Attempt:
        return Attempt(CallId.of("", "history", b""), self.clock)

    # -- what happens --

    @rule(name=st.sampled_from(AGENTS), fate=st.sampled_from(["fine", "answer lost", "delayed", "twice"]))
    def heartbeat(self, name: str, fate: str) -> None:
        agent = self.agents[name]
        beat = Heartbeat(name, self.sessions[name], tuple(agent.journal.values()))
        if fate in {"delayed", "twice"}:
            self.late.append(beat)
        if fate != "delayed":
            self.deliver(beat, answered=fate != "answer lost")

    @precondition(lambda self: self.late)
    @rule(pick=PICK)
    def late_heartbeat(self, pick: int) -> None:
        self.deliver(self.late.pop(pick % len(self.late)), answered=False)

    def deliver(self, beat: Heartbeat, answered: bool) -> None:
        answer = self.core.heartbeats.receive(beat)
        if answered and answer.instruction == "register":
            self.register(beat.agent_id)
        for assignment in answer.assignments if answered else ():
            self.agents[beat.agent_id].obey(assignment)
        self.core.reconciliation_writer.write_queued()

    @rule(name=st.sampled_from(AGENTS), pick=PICK)
    def crash_of_a_node(self, name: str, pick: int) -> None:
        running = [report for report in self.agents[name].journal.values() if report.pid]
        if running:
            self.agents[name].restart_crashed(running[pick % len(running)].node_id)

    @rule(seconds=st.floats(0.5, 10), hours=st.sampled_from([0, 0, -30, 30]))
    def time_passes(self, seconds: float, hours: int = 0) -> None:
        self.clock.jump_wall(hours * 3600)
        for _ in range(int(seconds * 2)):
            self.clock.advance(0.5)
            self.core.monitor.check()

    @rule(registry=st.sampled_from(["kept", "unflushed", "kept and copied", "restored", "restored", "lost"]))
    def master_restarts(self, registry: str) -> None:
        if registry != "unflushed":
            self.core.registry_writer.flush()
        self.registry.close()
        if registry == "kept and copied":
            self.copy = (self.registry_file.read_bytes(), set(self.gone))
        if registry == "restored":  # what was removed since the copy may come back: nobody can know of it
            content, gone = self.copy
            self.registry_file.write_bytes(content)
            self.gone = set(gone)
        if registry == "lost":
            self.registry_file.unlink()
            self.gone.clear()
        self.start_master()

    # -- what must hold, always and after quiet --

    @invariant()
    def no_process_is_ended_that_nobody_ended(self) -> None:
        for agent in self.agents.values():
            assert set(agent.ended) <= self.commanded

    @rule()
    def quiet(self) -> None:
        for _ in range(4):
            self.time_passes(1.5)
            for name in AGENTS:
                self.deliver(
                    Heartbeat(name, self.sessions[name], tuple(self.agents[name].journal.values())), answered=True
                )
        self.core.registry_writer.flush()
        rows = {node.node_id: node for node in self.registry.nodes()}
        held = {node_id: report for agent in self.agents.values() for node_id, report in agent.journal.items()}
        assert {node_id: agreed(node) for node_id, node in rows.items()} == {
            node_id: (report.generation, report.desired) for node_id, report in held.items()
        }
        assert {node.node_id: agreed(node) for node in self.core.state.nodes.all()} == {
            node_id: agreed(node) for node_id, node in rows.items()
        }
        for report in held.values():
            assert (report.pid > 0) == (report.desired is Desired.RUNNING)
        assert not self.gone & held.keys()


def agreed(node: Node) -> tuple[int, Desired]:
    return node.generation, node.desired


class HistoriesAtLength(Histories):
    """The same in the slow tests, for longer."""


def of(histories: int) -> settings:
    return settings(
        max_examples=histories, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
    )


Histories.TestCase.settings = of(15)
HistoriesAtLength.TestCase.settings = of(100)
TestHistories = Histories.TestCase
TestHistoriesAtLength = pytest.mark.soak(HistoriesAtLength.TestCase)
