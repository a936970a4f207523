"""What supervision works with: a test replaces these to drive it by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sutra_grid.agent.access.node_certificates import NodeCertificates
from sutra_grid.agent.engines import ProbeSpec
from sutra_grid.agent.inventory import Inventory
from sutra_grid.agent.limits.host_memory import ReadHostMemory, host_memory
from sutra_grid.agent.limits.memory_groups import MemoryGroups, NoMemoryGroups
from sutra_grid.agent.processes.launch_members import LaunchMembers, NoMembers, OrphanKeeper
from sutra_grid.agent.processes.launch_plan import LaunchPlanner
from sutra_grid.agent.processes.launcher import ProcessLauncher
from sutra_grid.agent.processes.probes import ProbeTarget
from sutra_grid.agent.processes.process import ProcessHandle
from sutra_grid.agent.processes.sightings import Sighting
from sutra_grid.agent.state.journal_writer import NodeJournal
from sutra_grid.agent.supervision.admission import Admission
from sutra_grid.runtime.clock import Clock


class NodeMonitor(Protocol):
    """Waits for processes and probes them in other threads. Each result comes back as a call of ``NodeManager``."""

    def watch(self, node_id: str, process: ProcessHandle) -> None:
        """Wait for the end of a process; then ``process_exited`` is called."""
        ...

    def probe(self, node_id: str, launch: int, probe: ProbeSpec, target: ProbeTarget) -> None:
        """Probe a node once; then ``probe_finished`` is called."""
        ...

    def get_certificate(self, node_id: str, launch: int) -> None:
        """Get a certificate for the launch of a node; then ``certificate_obtained`` is called."""
        ...


@dataclass(frozen=True, slots=True)
class Collaborators:
    """The collaborators of a ``NodeManager``.

    ``chance`` returns a random number from 0 to 1, for jitter. ``sightings`` takes a look at all processes of the host.
    """

    journal: NodeJournal
    launcher: ProcessLauncher
    planner: LaunchPlanner
    admission: Admission
    inventory: Inventory
    log_tail: Callable[[str], tuple[str, ...]]
    clock: Clock
    chance: Callable[[], float]
    groups: MemoryGroups = field(default_factory=NoMemoryGroups)
    sightings: Callable[[], Sequence[Sighting]] = tuple
    prepare_log: Callable[[str], object] = lambda node_id: None  # before a launch; raises GridError
    members: LaunchMembers = field(default_factory=NoMembers)
    orphans: OrphanKeeper | None = None
    host_memory: ReadHostMemory = host_memory
    certificates: NodeCertificates | None = None  # of an agent with TLS
