"""The kernels of the hosts in memory: processes, reused pids, boots, signals, and ``/proc``.

The proof of a process (``agent.processes.proof``) is the real one. Only the facts that it reads from the kernel come
from here.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from support.fakes.sightings import FakeSighting

from model.simulation import Life, Simulation
from sutra_grid.agent.processes import proof
from sutra_grid.agent.processes.identity import Look, Presence
from sutra_grid.agent.processes.launch_plan import LaunchPlan
from sutra_grid.agent.processes.launch_tag import TAG_GENERATION, TAG_NODE_ID, TAG_PORT
from sutra_grid.agent.processes.launcher import NotAttached
from sutra_grid.agent.processes.member_search import LaunchClues, ProcessKey
from sutra_grid.agent.processes.sightings import OpenFile, Sighting, file_key
from sutra_grid.agent.supervision import suspects
from sutra_grid.core.node.record import ExitStatus, Member, ProcessIdentity

FIRST_PID = 1000
READY_SECONDS = 0.15
OBEY_SECONDS = 0.05


@dataclass(eq=False)
class SimProcess:
    """One process of a host. A foreign process has no node id.

    A process that a node's process has started has no node id, but is a ``member_of`` the node's launches.
    """

    pid: int
    ticks: int
    environment: Mapping[str, str]
    node_id: str = ""
    launch: int = 0
    launch_generation: int = 0
    port: int = 0
    started_at: float = 0.0
    title_hides_environment: bool = False  # as redis and postgres overwrite theirs
    output: OpenFile | None = None
    stubborn: bool = False
    hung: bool = False
    member_of: str = ""
    session: int = 0  # that of its parent; 0: its own
    stopping: bool = False  # a command asked for its end
    status: ExitStatus | None = None
    watchers: list[Callable[[], None]] = field(default_factory=list)

    @property
    def alive(self) -> bool:
        return self.status is None


@dataclass(eq=False)
class Kernel:
    """The processes of one host. ``on_launch`` and ``on_signal`` are for the judge."""

    sim: Simulation
    name: str
    on_launch: Callable[[Kernel, SimProcess], None]
    on_signal: Callable[[Kernel, SimProcess, int], None]
    boot: int = 1
    processes: dict[int, SimProcess] = field(default_factory=dict)  # live processes by pid
    next_pid: int = FIRST_PID
    launch_error: OSError | None = None

    @property
    def boot_id(self) -> str:
        return f"{self.name}-boot-{self.boot}"

    def living(self) -> list[SimProcess]:
        """The processes of nodes."""
        return [one for one in self.processes.values() if one.node_id]

    def process_of(self, node_id: str) -> SimProcess | None:
        """The live process of a node."""
        return next((one for one in self.processes.values() if one.node_id == node_id), None)

    def members_of(self, node_id: str) -> list[SimProcess]:
        """The processes that live of what the processes of a node have started."""
        return [one for one in self.processes.values() if one.member_of == node_id]

    def listens(self, port: int) -> bool:
        """Whether a process listens on the port."""
        return any(one.port == port for one in self.processes.values())

    def answers(self, port: int) -> bool:
        """Whether a health probe of the port passes now."""
        return any(
            one.port == port and not one.hung and self.sim.now >= one.started_at + READY_SECONDS
            for one in self.processes.values()
        )

    def start_member(self, leader: SimProcess) -> None:
        """A node's process starts another one, which outlives it. Every second one ignores the stop signal."""
        pid = self._new_pid()
        self.processes[pid] = SimProcess(
            pid,
            int(self.sim.now * 100),
            leader.environment,
            member_of=leader.node_id,
            session=leader.pid,
            launch_generation=leader.launch_generation,
            stubborn=pid % 2 == 0,
        )

    def start(self, plan: LaunchPlan, *, stubborn: bool, hides_environment: bool) -> SimProcess:
        """Start a process of a node."""
        if self.launch_error is not None:
            raise self.launch_error
        variables = plan.environment
        plan.mark.log_path.touch()
        key = file_key(plan.mark.log_path)
        process = SimProcess(
            pid=self._new_pid(),
            ticks=int(self.sim.now * 100),
            environment=dict(variables),
            node_id=variables[TAG_NODE_ID],
            launch=plan.mark.tag.launch,
            launch_generation=int(variables[TAG_GENERATION]),
            port=int(variables[TAG_PORT]),
            started_at=self.sim.now,
            title_hides_environment=hides_environment,
            output=OpenFile(key, str(plan.mark.log_path)) if key else None,
            stubborn=stubborn,
        )
        self.on_launch(self, process)
        taken = self.listens(process.port)
        self.processes[process.pid] = process
        if taken:
            self.sim.later(OBEY_SECONDS, lambda: self.end(process, ExitStatus(code=98)))
        return process

    def add_foreign_process(self, pid: int, ticks: int, environment: Mapping[str, str]) -> None:
        """Start a foreign process with a given pid."""
        self.processes[pid] = SimProcess(pid, ticks, environment)
        self.sim.tell(f"{self.name}: a foreign process is process {pid} now")

    def end(self, process: SimProcess, status: ExitStatus) -> None:
        """End a process, and notify who waits for it."""
        if not process.alive:
            return
        process.status = status
        self.processes.pop(process.pid, None)
        self.sim.tell(
            f"{self.name}: process {process.pid} of {process.node_id or 'a foreign process'} {status.description()}"
        )
        for watcher in process.watchers:
            watcher()

    def signal(self, process: SimProcess, number: int) -> None:
        """Signal through a pidfd: only this process can receive it."""
        if not process.alive:
            return
        self.on_signal(self, process, number)
        if number == signal.SIGKILL:
            self.end(process, ExitStatus(signal=number))
        elif not process.stubborn and not process.hung:
            self.sim.later(OBEY_SECONDS, lambda: self.end(process, ExitStatus(code=0)))

    def reboot(self) -> None:
        """All processes are gone, pids and start times begin again."""
        for process in list(self.processes.values()):
            process.watchers.clear()
            self.end(process, ExitStatus(signal=signal.SIGKILL))
        self.boot += 1
        self.next_pid = FIRST_PID

    def _new_pid(self) -> int:
        while self.next_pid in self.processes:
            self.next_pid += 1
        self.next_pid += 1
        return self.next_pid - 1


class SimHeld:
    """A ``ProcessHandle`` of one agent process."""

    def __init__(self, kernel: Kernel, life: Life, process: SimProcess, identity: ProcessIdentity, child: bool) -> None:
        self._kernel = kernel
        self._life = life
        self.process = process
        self.identity = identity
        self.pidfd: int | None = None
        self._child = child
        self.closed = False

    def send_signal(self, number: int) -> None:
        sim = self._kernel.sim
        sim.step(self._life, f"signals {self.process.pid} with {number}")
        if self.closed:
            sim.fault(f"{self._life.name} signals process {self.process.pid} after it was let go")
        self._kernel.signal(self.process, number)
        sim.step(self._life, f"has signalled {self.process.pid}")

    def poll(self) -> ExitStatus | None:
        if self.process.status is None or self._child:
            return self.process.status
        return ExitStatus()  # not a child: only its parent gets the exit code

    def close(self) -> None:
        self.closed = True


class SimProcessLauncher:
    """A ``ProcessLauncher`` over a kernel, used by one agent process."""

    def __init__(self, kernel: Kernel, life: Life) -> None:
        self._kernel = kernel
        self._life = life

    def launch(self, plan: LaunchPlan) -> SimHeld:
        kernel, sim = self._kernel, self._kernel.sim
        sim.step(self._life, f"launches {plan.mark.tag.node_id}, launch {plan.mark.tag.launch}")
        mood = plan.argv[1] if len(plan.argv) > 1 else ""
        process = kernel.start(plan, stubborn=mood == "stubborn", hides_environment=mood == "titled")
        if mood == "family":
            kernel.start_member(process)
        sim.step(self._life, f"has launched {plan.mark.tag.node_id} as {process.pid}")
        identity = ProcessIdentity(kernel.boot_id, process.pid, process.ticks, plan.mark.tag.launch)
        return SimHeld(kernel, self._life, process, identity, child=True)

    def attach(self, identity: ProcessIdentity) -> SimHeld | NotAttached:
        """As in ``OsProcessLauncher``: open the pid first, then prove the process."""
        process = self._kernel.processes.get(identity.pid)
        look = proof.look_for(identity)
        if process is None or look.presence is not Presence.ALIVE:
            return NotAttached(look.presence is Presence.ENDED, look.why)
        return SimHeld(self._kernel, self._life, process, identity, child=False)

    def has_ended(self, identity: ProcessIdentity) -> bool:
        return proof.look_for(identity).presence is Presence.ENDED

    def sightings(self) -> list[Sighting]:
        """What the agent sees of all processes of its host."""
        return [sighting_of(process) for process in self._kernel.processes.values()]


def sighting_of(process: SimProcess) -> FakeSighting:
    return FakeSighting(
        pid=process.pid,
        start_ticks=process.ticks,
        session=process.session or process.pid,
        variables={} if process.title_hides_environment else process.environment,
        outputs=(process.output,) if process.output else (),
    )


class SimMembers:
    """The members of launches on one host. Their tag finds all of them; how a real host is searched is not played."""

    def __init__(self, kernel: Kernel, life: Life) -> None:
        self._kernel = kernel
        self._life = life

    def find(self, clues: LaunchClues) -> tuple[Member, ...]:
        return tuple(Member(one.pid, one.ticks, "member") for one in self._kernel.members_of(clues.node_id))

    def signal(self, clues: LaunchClues, number: int, already: set[ProcessKey]) -> tuple[Member, ...]:
        kernel, sim, leader = self._kernel, self._kernel.sim, clues.leader
        targets = [
            one for one in kernel.living() if leader and (one.pid, one.ticks) == (leader.pid, leader.start_ticks)
        ]
        targets += kernel.members_of(clues.node_id)
        signalled = []
        for one in targets:
            if (one.pid, one.ticks) not in already:
                already.add((one.pid, one.ticks))
                sim.step(self._life, f"signals {one.pid} with {number}")
                kernel.signal(one, number)
                if one.member_of:
                    signalled.append(Member(one.pid, one.ticks, "member"))
        sim.step(self._life, f"has signalled members of {clues.node_id}")
        return tuple(signalled)

    def forget(self, node_id: str) -> None:
        pass


class ProcFs:
    """What the proof reads from the operating system, from the kernel of the host that acts now."""

    def __init__(self, current: Callable[[], Kernel]) -> None:
        self._current = current

    def install(self, patch: Callable[[object, str, object], None]) -> None:
        patch(proof, "boot_id", self.boot_id)
        patch(suspects, "boot_id", self.boot_id)
        patch(proof, "look_at", self.look_at)

    def boot_id(self) -> str:
        return self._current().boot_id

    def look_at(self, pid: int) -> Look:
        process = self._current().processes.get(pid)
        return Look(Presence.ENDED) if process is None else Look(Presence.ALIVE, process.ticks)
