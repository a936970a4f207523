"""An operating system in memory: processes that live and end when a test says so."""

import itertools
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from support.fakes.sightings import FakeSighting
from sutra_grid.agent.processes.identity import boot_id
from sutra_grid.agent.processes.launch_plan import LaunchPlan
from sutra_grid.agent.processes.launch_tag import LaunchTag
from sutra_grid.agent.processes.launcher import NotAttached
from sutra_grid.agent.processes.member_search import LaunchClues, ProcessKey
from sutra_grid.agent.processes.sightings import Sighting
from sutra_grid.core.node.record import ExitStatus, Member, ProcessIdentity
from sutra_grid.core.types import NodeSpec

BOOT = boot_id()


Around = Callable[[Callable[[], Any]], Any]


class FakeProcess:
    """One process of ``FakeProcesses``; it records its signals."""

    def __init__(self, identity: ProcessIdentity, tag: LaunchTag, spec: NodeSpec, around: Around) -> None:
        self._around = around
        self.identity = identity
        self.tag = tag
        self.spec = spec
        self.variables: Mapping[str, str] | None = {}
        self.pidfd: int | None = None
        self.signals: list[int] = []
        self.status: ExitStatus | None = None
        self.closed = False

    @property
    def alive(self) -> bool:
        return self.status is None

    def send_signal(self, number: int) -> None:
        assert not self.closed, "signalled after it was let go"
        if self.alive:
            self._around(lambda: self.signals.append(number))

    def poll(self) -> ExitStatus | None:
        return self.status

    def close(self) -> None:
        self.closed = True


@dataclass(eq=False)
class FakeMember:
    """A process that a node's program started. ``obstacle``: why it can't be ended."""

    node_id: str
    pid: int
    name: str = "child"
    obstacle: str = ""
    signals: list[int] = field(default_factory=list)
    alive: bool = True

    def member(self) -> Member:
        return Member(self.pid, self.pid * 10, self.name, self.obstacle)


class FakeProcesses:
    """Starts and attaches ``FakeProcess``es; survives the agents of a test.

    ``around`` is called with each effect that an agent has on the processes.
    """

    def __init__(self, around: Around = lambda effect: effect()) -> None:
        self._around = around
        self._pids = itertools.count(1000)
        self.all: list[FakeProcess] = []
        self.plans: list[LaunchPlan] = []
        self.launch_error: OSError | None = None
        self.others: list[FakeSighting] = []  # processes that no agent has started
        self.unreadable: set[int] = set()  # pids of which nothing but their life can be seen
        self.children: list[FakeMember] = []
        self.shortage: OSError | None = None  # why the processes can't be read

    def launch(self, plan: LaunchPlan) -> FakeProcess:
        if self.launch_error is not None:
            raise self.launch_error
        process: FakeProcess = self._around(lambda: self._start(plan))
        return process

    def _start(self, plan: LaunchPlan) -> FakeProcess:
        pid = next(self._pids)
        variables = plan.environment
        spec = NodeSpec(
            engine=variables["SUTRA_GRID_ENGINE"],
            port=int(variables["SUTRA_GRID_PORT"]),
            storage_path=variables["SUTRA_GRID_STORAGE_PATH"],
            memory_limit_mb=int(variables["SUTRA_GRID_MEMORY_LIMIT_MB"]),
        )
        process = FakeProcess(
            ProcessIdentity(BOOT, pid, pid * 10, plan.mark.tag.launch), plan.mark.tag, spec, self._around
        )
        process.variables = variables
        self.plans.append(plan)
        self.all.append(process)
        return process

    def attach(self, identity: ProcessIdentity) -> FakeProcess | NotAttached:
        if identity.pid in self.unreadable:
            return NotAttached(False, "it can't be read")
        for process in self.all:
            if process.alive and process.identity == identity:
                process.closed = False
                return process
        return NotAttached(True, "there is no such process")

    def has_ended(self, identity: ProcessIdentity) -> bool:
        living = [one.identity.pid for one in self.all if one.alive] + [one.pid for one in self.others]
        return identity.pid not in living

    def leave(self, node_id: str, **more: Any) -> FakeMember:
        """The node's program has started another process."""
        self.children.append(FakeMember(node_id, next(self._pids), **more))
        return self.children[-1]

    def find(self, clues: LaunchClues) -> tuple[Member, ...]:
        if self.shortage is not None:
            raise self.shortage
        return tuple(one.member() for one in self.children if one.alive and one.node_id == clues.node_id)

    def signal(self, clues: LaunchClues, number: int, already: set[ProcessKey]) -> tuple[Member, ...]:
        for process in self.alive(clues.node_id):
            if (process.identity.pid, process.identity.start_ticks) not in already:
                process.send_signal(number)
        signalled = []
        for child in self.children:
            if child.alive and child.node_id == clues.node_id and child.member().key not in already:
                self._around(lambda child=child: child.signals.append(number))
                already.add(child.member().key)
                signalled.append(child.member())
                child.alive = number != signal.SIGKILL or bool(child.obstacle)
        return tuple(signalled)

    def forget(self, node_id: str) -> None:
        pass

    def alive(self, node_id: str) -> list[FakeProcess]:
        return [process for process in self.all if process.alive and process.tag.node_id == node_id]

    def sightings(self) -> Sequence[Sighting]:
        """What a look through the process table finds."""
        own = [
            FakeSighting(one.identity.pid, one.identity.start_ticks, session=one.identity.pid, variables=one.variables)
            for one in self.all
            if one.alive and one.identity.pid not in self.unreadable
        ]
        return [*own, *self.others]
