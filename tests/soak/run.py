"""The course of a soak: start a grid, load it, cause faults, and check it after each fault and at the end."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from support.faults.link import LINK_HOST
from support.harness import processes
from support.harness.grid import Grid, GridSpec
from support.harness.interfaces import Interface

import sutra_grid
from soak.faults import FAULTS, Deck
from soak.ledger import Ledger, Violation
from soak.load import Load, unreadable
from soak.report import FaultRecord, Report
from soak.scene import POLL_SECONDS, SLACK_SECONDS, Scene, Surroundings
from soak.surroundings import registry_of, surroundings
from soak.watcher import Watcher
from sutra_grid.runtime.shutdown import Shutdown

RECOVERY_SECONDS = 30.0
# The master writes to the registry, which the admin reads, at most a second late.
WRITE_BEHIND_SECONDS = 1.0
PAUSE_SECONDS = (0.5, 2.0)


@dataclass(frozen=True, slots=True)
class SoakSpec:
    """What to run. ``sabotage`` causes a violation on purpose, to see that the soak notices."""

    minutes: float
    seed: int
    agents: int = 3
    nodes_per_agent: int = 3
    operations_per_second: float = 60.0
    heartbeat_seconds: float = 1.0
    sabotage: str = ""


class BrokenOff(Exception):
    """The soak was interrupted."""


class Soak:
    """One run on one grid. ``say`` is called with a line for each step.

    The run ends before its next step once ``interrupt`` is requested. A signal handler that raised would not do: in a
    callback of the garbage collector, Python prints the exception and goes on.
    """

    def __init__(self, spec: SoakSpec, root: Path, say: Callable[[str], None], interrupt: Shutdown) -> None:
        self.spec = spec
        self._root = root
        self._say = say
        self._interrupt = interrupt
        self._rng = random.Random(spec.seed)
        self._ledger = Ledger()
        self._faults: list[FaultRecord] = []
        self._violations: list[Violation] = []
        self._reads = 0
        self._nodes = 0
        self._around = Surroundings()

    def run(self) -> Report:
        """Run the soak. An exception that ends it early is a violation too."""
        started = datetime.now(UTC)
        begin = time.monotonic()
        try:
            with ExitStack() as stack:
                agents = agent_names(self.spec)
                self._around = stack.enter_context(surroundings(self._root, agents))
                self._run_on(stack.enter_context(Grid(self._root, grid_spec(self.spec, self._around, self._root))))
                self._say("ending the grid")
        except Exception:  # noqa: BLE001 - whatever it was, what was found so far is reported with it
            self._violations.append(Violation("soak aborted", traceback.format_exc()))
        return Report(
            version=sutra_grid.__version__,
            started=started.strftime("%Y-%m-%d %H:%M:%S UTC"),
            seed=self.spec.seed,
            minutes=(time.monotonic() - begin) / 60,
            agents=self.spec.agents,
            nodes=self._nodes,
            heartbeat_seconds=self.spec.heartbeat_seconds,
            operations_per_second=self.spec.operations_per_second,
            writes=self._ledger.acknowledged,
            writes_in_doubt=self._ledger.doubted,
            reads=self._reads,
            faults=self._faults,
            violations=[*self._violations, *self._ledger.violations],
            left_out=self._around.left_out,
        )

    def _go_on(self) -> None:
        if self._interrupt.requested:
            raise BrokenOff(f"by {self._interrupt.reason}")

    def _run_on(self, grid: Grid) -> None:
        endpoints = self._spawn(grid)
        self._nodes = len(endpoints)
        with (
            Watcher(list(endpoints), lambda: processes.node_processes(grid.root)) as watcher,
            Load(endpoints, self._ledger, self.spec.operations_per_second, random.Random(self.spec.seed)) as load,
        ):
            scene = Scene(grid, watcher, self._rng, self._around)
            try:
                self._harm(scene, load)
            finally:
                self._reads = load.reads
                self._violations += [*scene.violations, *watcher.violations]

    def _spawn(self, grid: Grid) -> dict[str, str]:
        nodes = [grid.grpc.spawn(agent_id) for agent_id in grid.agents for _ in range(self.spec.nodes_per_agent)]
        self._say(f"{len(nodes)} nodes on {len(grid.agents)} agents run in {grid.root}")
        # Clients call the nodes directly: their calls do not go through the links that are cut.
        return {node.node_id: f"{LINK_HOST}:{node.port}" for node in nodes}

    def _harm(self, scene: Scene, load: Load) -> None:
        deck = Deck(self._rng, [kind for kind in FAULTS if kind not in self._around.left_out])
        begin = time.monotonic()
        self._settle(scene, load)
        if self.spec.sabotage:
            SABOTAGES[self.spec.sabotage](self, scene)
        while time.monotonic() - begin < self.spec.minutes * 60:
            self._go_on()
            scene.stay_right(self._rng.uniform(*PAUSE_SECONDS), "while nothing was harmed")
            self._go_on()
            kind = deck.draw()
            at_seconds = time.monotonic() - begin
            detail = FAULTS[kind](scene)
            recovery_seconds = self._settle(scene, load)
            record = FaultRecord(kind, at_seconds, detail, recovery_seconds)
            self._faults.append(record)
            self._say(f"{at_seconds:7.1f} s  {kind} {detail}: {self._verdict(scene, recovery_seconds)}")
        self._settle(scene, load)

    def _verdict(self, scene: Scene, recovery_seconds: float | None) -> str:
        count = len(scene.violations) + len(self._ledger.violations) + len(scene.watcher.violations)
        recovered = "never right again" if recovery_seconds is None else f"right after {recovery_seconds:.2f} s"
        return f"{recovered}, {count} violations" if count else recovered

    def _settle(self, scene: Scene, load: Load) -> float | None:
        """Wait until the grid has recovered, and check everything. Returns the seconds until every status was right."""
        begin = time.monotonic()
        told = len(scene.violations)
        scene.expect_processes(RECOVERY_SECONDS, "a process for every node")
        for daemon in scene.grid.daemons:
            try:
                daemon.wait_ready(RECOVERY_SECONDS)
            except AssertionError as error:
                scene.violations.append(Violation("daemon down", str(error)))
        scene.violations += unreadable(load.verify_all(RECOVERY_SECONDS), RECOVERY_SECONDS)
        limit_seconds = scene.grid.spec.heartbeat_seconds + SLACK_SECONDS
        self._check_statuses(scene, "master", scene.grid.grpc, limit_seconds)
        recovery_seconds = time.monotonic() - begin
        self._check_statuses(scene, "admin", scene.grid.rest, WRITE_BEHIND_SECONDS + SLACK_SECONDS)
        scene.violations += [
            Violation("daemon down", f"{daemon.name} ended by itself:\n{daemon.log_tail()}")
            for daemon in scene.grid.daemons
            if not daemon.is_running
        ]
        return recovery_seconds if len(scene.violations) == told else None

    def _check_statuses(self, scene: Scene, name: str, interface: Interface, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while wrong := scene.wrong_statuses(interface):
            if time.monotonic() >= deadline:
                message = f"by the {name}, after {seconds:g} s: {'; '.join(wrong)}"
                scene.violations.append(Violation("wrong status", message))
                return
            scene.never.wait(POLL_SECONDS)

    # -- broken on purpose --

    def lose_a_write(self, scene: Scene) -> None:
        """Record an acknowledgement that no node gave."""
        node_id = scene.watcher.sample()[0].node_id
        self._ledger.acknowledge(self._ledger.next_write(node_id, random.Random(0)))

    def double_a_process(self, scene: Scene) -> None:
        """Start a program that looks like a second process of a node. It ends with the grid."""
        node_id = scene.watcher.sample()[0].node_id
        environ = {"SUTRA_GRID_NODE_ID": node_id, "ROOT": f"{scene.grid.root}/"}
        sleep = shutil.which("sleep") or "/bin/sleep"
        subprocess.Popen([sleep, "600"], env=environ, stdin=subprocess.DEVNULL, start_new_session=True)

    def cut_a_link(self, scene: Scene) -> None:
        """Cut an agent off from the master without recording a fault."""
        name, link = next(iter(scene.grid.links.items()))
        link.cut()
        scene.expect_agent(name, "degraded", 10)

    def stop_a_node(self, scene: Scene) -> None:
        """Stop a node by command while the soak expects it to run."""
        scene.grid.grpc.stop(scene.watcher.sample()[0].node_id)


SABOTAGES: dict[str, Callable[[Soak, Scene], None]] = {
    "lost-write": Soak.lose_a_write,
    "doubled-process": Soak.double_a_process,
    "stopped-node": Soak.stop_a_node,
    "cut-link": Soak.cut_a_link,
}


def agent_names(spec: SoakSpec) -> list[str]:
    return [f"agent-{number}" for number in range(1, spec.agents + 1)]


def grid_spec(spec: SoakSpec, around: Surroundings, root: Path) -> GridSpec:
    return GridSpec(
        agents=spec.agents,
        max_storage_nodes=spec.nodes_per_agent + 1,
        heartbeat_seconds=spec.heartbeat_seconds,
        with_links=True,
        registry_url=f"sqlite:///{registry_of(root)}",
        run_in=around.run_in(),
        # A node that is chosen twice in a row was stable in between, so that back-off is not measured here.
        extra={"restart": {"stable_secs": 1.0}},
    )
