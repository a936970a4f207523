"""The node manager of one agent with fake processes and clock, a real journal and real machines."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from support.fakes.clock import FakeClock
from support.fakes.processes import BOOT, FakeProcess, FakeProcesses
from sutra_grid.agent.access.node_certificates import NodeCertificates
from sutra_grid.agent.addresses import NodeAddresses
from sutra_grid.agent.config import AgentConfig
from sutra_grid.agent.engines import ProbeSpec
from sutra_grid.agent.inventory import Inventory
from sutra_grid.agent.processes.launch_plan import LaunchPlanner
from sutra_grid.agent.processes.probes import ProbeResult, ProbeTarget
from sutra_grid.agent.processes.process import ProcessHandle
from sutra_grid.agent.state.journal import Journal
from sutra_grid.agent.supervision.admission import Admission
from sutra_grid.agent.supervision.collaborators import Collaborators
from sutra_grid.agent.supervision.node_manager import NodeManager
from sutra_grid.core.node.record import ExitStatus, NodeRecord
from sutra_grid.core.types import Assignment, Desired, NodeReport

HOST = "c" * 32
ADDRESSES = NodeAddresses(advertised="host.test")


class AgentKilled(BaseException):
    """The agent's process ended at this very point."""


class KillSwitch:
    """Ends the agent just before or just after its n-th effect on the world."""

    def __init__(self) -> None:
        self.effects = 0
        self.die_at: int | None = None
        self.after = False

    def around(self, effect: Callable[[], Any]) -> Any:
        self.effects += 1
        due = self.effects == self.die_at
        if due and not self.after:
            raise AgentKilled
        answer = effect()
        if due:
            raise AgentKilled
        return answer


class FlakyJournal(Journal):
    """A journal whose disk is full when a test says so."""

    full = False
    switch = KillSwitch()

    def write(self, record: NodeRecord) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.switch.around(lambda: super(FlakyJournal, self).write(record))

    def delete(self, node_id: str) -> None:
        if self.full:
            raise OSError(errno.EIO, "Input/output error")
        self.switch.around(lambda: super(FlakyJournal, self).delete(node_id))


@dataclass
class NodeMonitor:
    """Records what the manager asks for; the test answers."""

    watched: list[tuple[str, ProcessHandle]] = field(default_factory=list)
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    targets: list[ProbeTarget] = field(default_factory=list)
    certificates: list[tuple[str, int]] = field(default_factory=list)

    def watch(self, node_id: str, process: ProcessHandle) -> None:
        self.watched.append((node_id, process))

    def probe(self, node_id: str, launch: int, probe: ProbeSpec, target: ProbeTarget) -> None:
        self.asked.append((node_id, launch, target.port))
        self.targets.append(target)

    def get_certificate(self, node_id: str, launch: int) -> None:
        self.certificates.append((node_id, launch))


class World:
    """One agent's node manager, on a disk and a process table that outlive it."""

    def __init__(
        self, config: AgentConfig, addresses: NodeAddresses = ADDRESSES, certificates: NodeCertificates | None = None
    ) -> None:
        self.config = config
        self.addresses = addresses
        self.certificates = certificates
        self.clock = FakeClock()
        self.switch = KillSwitch()
        self.processes = FakeProcesses(self.switch.around)
        self.journal = FlakyJournal(config.state_path / "nodes", BOOT)
        self.journal.switch = self.switch
        self.changes: list[bool] = []
        self.begin()

    def begin(self) -> None:
        """A new agent process: nothing is known but what disk and process table tell."""
        self.journal.open()
        self.monitor = NodeMonitor()
        self.inventory = Inventory(self.clock, on_change=lambda: self.changes.append(True))
        collaborators = Collaborators(
            journal=self.journal,
            launcher=self.processes,
            planner=LaunchPlanner(
                agent_id="agent-1",
                host_id=HOST,
                log_directory=self.config.state_path,
                environ={},
                tls_files=self.certificates.paths if self.certificates else None,
            ),
            admission=Admission(self.config, self.addresses),
            inventory=self.inventory,
            log_tail=lambda node_id: (f"last words of {node_id}",),
            clock=self.clock,
            chance=lambda: 0.5,
            sightings=self.processes.sightings,
            members=self.processes,
            certificates=self.certificates,
        )
        self.manager = NodeManager(self.config, collaborators, self.monitor, self.addresses)
        self.manager.recover(self.journal.load(), self.processes.sightings())

    def assign(self, node_id: str, generation: int, desired: Desired = Desired.RUNNING, **more: Any) -> None:
        self.manager.assign(Assignment(node_id, generation, desired, **more))

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.manager.run_due_timers()

    def ready(self, node_id: str) -> FakeProcess:
        """Let the node's process pass its probe."""
        (process,) = self.processes.alive(node_id)
        self.manager.probe_finished(node_id, process.identity.launch, ProbeResult())
        return process

    def end(self, process: FakeProcess, status: ExitStatus) -> None:
        process.status = status
        self.manager.process_exited(process.tag.node_id, process, status)

    def report(self, node_id: str) -> NodeReport:
        report = self.inventory.find(node_id)
        assert report is not None
        return report
