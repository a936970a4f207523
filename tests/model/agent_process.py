"""One run of an agent: the real parts, put together as ``agent.agent`` does it, without threads.

The node manager, the journal's files, the heartbeat, the link, the servicer, adoption and proof are the real ones.
Events of the simulation replace the thread and the queue of the supervisor.
"""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from model.fibers import Killed
from model.heartbeat_thread import HeartbeatThread
from model.kernel import Kernel, SimHeld, SimMembers, SimProcessLauncher
from model.network import Context, Network
from model.simulation import Life, Simulation
from sutra_grid.agent.addresses import NodeAddresses
from sutra_grid.agent.config import AgentConfig
from sutra_grid.agent.engines import DEFAULT_ENGINE, NO_PROBE, Engine, ProbeSpec
from sutra_grid.agent.heartbeat import Heartbeat, HeartbeatSource
from sutra_grid.agent.inventory import Inventory
from sutra_grid.agent.master_link import MasterLink
from sutra_grid.agent.processes.launch_plan import LaunchPlanner
from sutra_grid.agent.processes.probes import ProbeResult, ProbeTarget
from sutra_grid.agent.processes.process import ProcessHandle
from sutra_grid.agent.report import removed_report
from sutra_grid.agent.service import GridAgentService
from sutra_grid.agent.state.host_id import load_host_id
from sutra_grid.agent.state.journal import Journal
from sutra_grid.agent.state.session import SessionFile
from sutra_grid.agent.supervision.admission import Admission
from sutra_grid.agent.supervision.collaborators import Collaborators
from sutra_grid.agent.supervision.node_manager import NodeManager
from sutra_grid.core.errors import GridError, Unavailable
from sutra_grid.core.node.machine import is_settled
from sutra_grid.core.node.record import NodeRecord
from sutra_grid.core.restart import RestartPolicy
from sutra_grid.core.types import Agent, Assignment, NodeReport, Reason
from sutra_grid.runtime.files import PREVIOUS_SUFFIX
from sutra_grid.wire import grid_pb2 as pb

MASTER_ADDRESS: Final = "master:7000"
HEARTBEAT_SECONDS: Final = 5.0
GRACE_SECONDS: Final = 2.0
MAX_CRASHES: Final = 4
SLOTS: Final = 3
ENGINES: Final = ("", "titled", "stubborn", "plain", "family")

_QUEUE_SECONDS = 0.0005
_EXIT_SECONDS = 0.001
_PROBE_SECONDS = 0.005


@dataclass(eq=False)
class Host:
    """A host: its kernel, its disk, and at most one agent process on its state directory."""

    sim: Simulation
    name: str
    agent_id: str
    kernel: Kernel
    directory: Path
    ports: range
    on_journal: Callable[[str, int | None], None]  # this and the next are for the judge
    on_kept: Callable[[NodeRecord], None]
    agent: AgentProcess | None = None
    disk_full: bool = False
    runs: int = 0
    past: tuple[str, list[NodeReport]] | None = None  # session and inventory of the previous process

    @property
    def address(self) -> str:
        return f"{self.name}:7001"

    @property
    def alive(self) -> bool:
        """Whether the agent process is alive."""
        return self.agent is not None and self.agent.life.alive

    def remembered(self) -> list[NodeReport]:
        """What the live agent would report to a master, even if a full disk kept it out of the journal."""
        return self.agent.inventory.reports() if self.agent is not None and self.agent.life.alive else []

    def journal_directory(self) -> Path:
        return self.directory / "state" / "nodes"

    def config(self) -> AgentConfig:
        binary = "/bin/true"
        engines = {
            DEFAULT_ENGINE: Engine(DEFAULT_ENGINE, binary, stop_grace_seconds=GRACE_SECONDS),
            "titled": Engine("titled", binary, ("titled",), stop_grace_seconds=GRACE_SECONDS),
            "stubborn": Engine("stubborn", binary, ("stubborn",), stop_grace_seconds=GRACE_SECONDS),
            "family": Engine("family", binary, ("family",), stop_grace_seconds=GRACE_SECONDS),
            "plain": Engine("plain", binary, probe=ProbeSpec("none"), stop_grace_seconds=GRACE_SECONDS),
        }
        return AgentConfig(
            agent_id=self.agent_id,
            master=("master", 7000),
            platform="desktop",
            max_storage_nodes=SLOTS,
            listen=(self.name, 7001),
            advertise="",
            state_path=self.directory / "state",
            data_path=self.directory / "data",
            default_memory_mb=64,
            ports=self.ports,
            disk_reserve_bytes=0,
            heartbeat_interval_seconds=HEARTBEAT_SECONDS,
            probe_interval_seconds=10.0,
            restart=RestartPolicy(
                stable_seconds=5.0,
                first_delay_seconds=0.5,
                max_delay_seconds=2.0,
                max_crashes=MAX_CRASHES,
                window_seconds=120.0,
            ),
            engines=engines,
            log_max_bytes=1 << 20,
            log_keep_files=1,
        )


class StepJournal:
    """The real journal. The agent can die before and after each effect, and the disk can be full."""

    def __init__(self, journal: Journal, host: Host, life: Life) -> None:
        self._journal = journal
        self._host = host
        self._life = life

    def write(self, record: NodeRecord) -> None:
        node_id, sim = record.assignment.node_id, self._host.sim
        entry = f"{node_id} {record.phase} generation {record.assignment.generation} {record.assignment.desired}"
        sim.step(self._life, f"journals {entry}")
        self._host.on_journal(node_id, record.assignment.generation)
        if self._host.disk_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._journal.write(record)
        self._host.on_kept(record)
        sim.step(self._life, f"has journaled {node_id}")

    def delete(self, node_id: str) -> None:
        sim = self._host.sim
        sim.step(self._life, f"deletes the journal of {node_id}")
        newest = self._host.journal_directory() / f"{node_id}.json"
        newest.with_name(newest.name + PREVIOUS_SUFFIX).unlink(missing_ok=True)
        sim.step(self._life, f"has half deleted the journal of {node_id}")
        self._journal.delete(node_id)
        self._host.on_journal(node_id, None)
        sim.step(self._life, f"has deleted the journal of {node_id}")


class AgentProcess:
    """An agent process: also the ``NodeMonitor``, the supervisor of the servicer, and a ``Server`` of the network."""

    blocking = frozenset({"Apply"})

    def __init__(self, host: Host, network: Network) -> None:
        host.runs += 1
        self.host = host
        self.sim = host.sim
        self.network = network
        self.life = Life(f"{host.name}#{host.runs}")
        self._waiting: list[Callable[[], None]] = []
        self._next_look = float("inf")
        self.heartbeat: Heartbeat | None = None
        self.inventory = Inventory(self.sim.clock, on_change=self._report_soon)
        self.life.on_end.append(self._leave_a_past)

    # -- the start, as in agent.agent --

    def start(self) -> None:
        """Recover, serve, register, send heartbeats. As part of its life."""
        host, config = self.host, self.host.config()
        for path in (config.data_path, config.state_path, config.state_path / "logs"):
            path.mkdir(parents=True, exist_ok=True)
        host_id = load_host_id(config.state_path)
        journal = Journal(host.journal_directory(), host.kernel.boot_id)
        journal.open()
        entries = journal.load()
        launcher = SimProcessLauncher(host.kernel, self.life)
        addresses = NodeAddresses(advertised=host.name)
        collaborators = Collaborators(
            journal=StepJournal(journal, host, self.life),
            launcher=launcher,
            planner=LaunchPlanner(
                agent_id=config.agent_id, host_id=host_id, log_directory=config.state_path / "logs", environ={}
            ),
            admission=Admission(config, addresses),
            inventory=self.inventory,
            log_tail=lambda _node_id: (),
            clock=self.sim.clock,
            chance=self.network.chance.random,
            sightings=launcher.sightings,
            members=SimMembers(host.kernel, self.life),
        )
        self.manager = NodeManager(config, collaborators, self, addresses)
        self.manager.recover(entries, launcher.sightings())
        self._look_later()
        nothing: Any = None  # logs and statistics are not used here
        agent = self._describe(config, host_id)
        self._service = GridAgentService(self, self.inventory, nothing, nothing, self.sim.clock, lambda: agent)  # type: ignore[arg-type]
        self.network.servers[host.address] = self
        report = HeartbeatSource(agent, self.inventory, lambda: None)
        self.link = MasterLink(MASTER_ADDRESS)
        self.heartbeat = Heartbeat(
            report,
            self.link,
            self.sim.clock,
            sessions=SessionFile(config.state_path),
            on_assignments=self.assign_all,
            on_superseded=self._on_superseded,
        )
        self._heartbeat_thread = HeartbeatThread(self.sim, self.life, self.heartbeat, HEARTBEAT_SECONDS)
        self.sim.later(0.0, lambda: self.sim.spawn(self.life, self._heartbeat_thread.run), self.life)

    def _describe(self, config: AgentConfig, host_id: str) -> Agent:
        return Agent(
            agent_id=config.agent_id,
            hostname=self.host.name,
            platform=config.platform,
            max_storage_nodes=config.max_storage_nodes,
            endpoint=self.host.address,
            host_id=host_id,
            instance_id=uuid.uuid5(uuid.NAMESPACE_OID, self.life.name).hex,
            heartbeat_interval_ms=int(HEARTBEAT_SECONDS * 1000),
            engines=tuple(sorted(config.engines)),
            data_path=str(config.data_path),
        )

    def unregister(self) -> None:
        """Stop on purpose: unregister, then end."""

        def work() -> None:
            assert self.heartbeat is not None
            self.heartbeat.unregister("stopped")
            raise Killed

        self._heartbeat_thread.stop()
        self.sim.spawn(self.life, work)

    def _on_superseded(self, message: str) -> None:
        self.sim.fault(f"{self.life.name} is the only process of its agent and was superseded: {message}")
        raise Killed

    def _leave_a_past(self) -> None:
        if self.heartbeat is not None and self.heartbeat.session_id:
            self.host.past = self.heartbeat.session_id, self.inventory.reports()

    def _report_soon(self) -> None:
        if self.heartbeat is not None:
            self._heartbeat_thread.trigger()

    # -- a server of the network --

    def answer(self, method: str, data: bytes, context: Context) -> bytes:
        any_context: Any = context
        assert method == "Apply"
        answer: bytes = self._service.Apply(pb.Assignment.FromString(data), any_context).SerializeToString()
        return answer

    # -- the supervisor, as the servicer calls it --

    def apply(self, assignment: Assignment, deadline: float, give_up: Callable[[], bool] = lambda: False) -> NodeReport:
        """As ``Supervisor.apply``."""
        outcome: list[GridError | None] = []
        self._post(lambda: self._assign(assignment, outcome))
        while not outcome:
            if not self._wait_for_change(deadline):
                raise Unavailable("the agent did not take the assignment in time", reason=Reason.TIMED_OUT)
        if outcome[0] is not None:
            raise outcome[0]
        while not self._is_settled(assignment.node_id) and not give_up():
            if not self._wait_for_change(deadline):
                break
        return self.inventory.find(assignment.node_id) or removed_report(assignment)

    def assign_all(self, assignments: Iterable[Assignment]) -> None:
        """As ``Supervisor.assign_all``."""
        for one in assignments:
            self._post(lambda one=one: self.manager.assign_or_report(one))  # type: ignore[misc]

    def _assign(self, assignment: Assignment, outcome: list[GridError | None]) -> None:
        try:
            self.manager.assign(assignment)
        except GridError as error:
            outcome.append(error)
        else:
            outcome.append(None)

    def _is_settled(self, node_id: str) -> bool:
        return all(is_settled(view.runtime) for view in self.inventory.views() if view.runtime.node_id == node_id)

    def _wait_for_change(self, deadline: float) -> bool:
        remaining = deadline - self.sim.now
        return remaining > 0 and self.sim.wait(self.life, remaining, self._waiting.append)

    # -- NodeMonitor --

    def watch(self, node_id: str, process: ProcessHandle) -> None:
        assert isinstance(process, SimHeld)

        def ended() -> None:
            status = process.poll()
            assert status is not None
            self.sim.later(
                _EXIT_SECONDS,
                lambda: self._do(lambda: self.manager.process_exited(node_id, process, status)),
                self.life,
            )

        if process.process.alive:
            process.process.watchers.append(ended)
        else:
            ended()

    def probe(self, node_id: str, launch: int, probe: ProbeSpec, target: ProbeTarget) -> None:
        def answer() -> None:
            problem = "" if self.host.kernel.answers(target.port) else "refused"
            result = ProbeResult("", problem) if probe.kind == NO_PROBE else ProbeResult(problem)
            self._do(lambda: self.manager.probe_finished(node_id, launch, result))

        self.sim.later(_PROBE_SECONDS, answer, self.life)

    # -- the node manager's thread --

    def _post(self, call: Callable[[], object]) -> None:
        self.sim.later(_QUEUE_SECONDS, lambda: self._do(call), self.life)

    def _do(self, call: Callable[[], object]) -> None:
        try:
            call()
            self.manager.run_due_timers()
        except Exception as error:  # noqa: BLE001 - whatever it is, the daemon's thread would only have logged it
            self.sim.fault(f"{self.life.name}: the node manager raised: {error!r}")
        self._look_later()
        waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake()

    def _look_later(self) -> None:
        seconds = self.manager.seconds_until_due()
        if seconds is None:
            return
        due = self.sim.now + seconds
        if due < self._next_look:
            self._next_look = due
            self.sim.later(seconds, self._look, self.life)

    def _look(self) -> None:
        self._next_look = float("inf")
        self._do(lambda: None)
