"""A small grid whose daemons die at named steps, and what must hold of it whenever they have.

It has room for two nodes: a bystander that nobody ever touches, and the cell, always on the same port and path, which
the tests make, change and remove. So a port, a path or a slot that is not given back fails the next test's spawn.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc

from support.faults.kill_points import Orders
from support.harness.grid import PATIENT, Grid, GridSpec
from support.programs.node_program import ran_twice, starts, write_node_program
from support.waiting import eventually
from sutra_grid.agent.processes.identity import boot_id
from sutra_grid.agent.state.journal_format import decode
from sutra_grid.core.node.record import NodeRecord
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Desired, Node, NodeState
from sutra_grid.registry import Registry
from sutra_grid.runtime.net import is_port_free
from sutra_grid.wire import grid_pb2 as pb

AGENT = "agent-1"
HEARTBEAT_SECONDS = 0.2
COMMAND_SECONDS = 15.0
AGREE_SECONDS = 2 * HEARTBEAT_SECONDS + 4.0
"""Two heartbeats, half a second until the registry is written, a node's start; and as much again on a busy machine."""


class KilledGrid:
    """The grid, the kill points of its daemons, and its invariants. Made by ``killed_grid``."""

    def __init__(self, grid: Grid, orders: dict[str, Orders]) -> None:
        self.grid = grid
        self.agent, self.master = grid.agents[AGENT], grid.master
        self.agent_orders, self.master_orders = orders[AGENT], orders["master"]
        self.bystander = grid.grpc.spawn(AGENT)
        self.cell_port = grid.node_port(AGENT, 0)
        self.cell_path = grid.data_path(AGENT) / "cell"
        self.movable = grid.root / "movable"
        self.registry = Registry.open(f"sqlite:///{grid.registry}", migrate=False)

    # -- commands; each is answered by a future --

    def spawn(self, request_id: str = "", engine: str = "", timeout_seconds: float = COMMAND_SECONDS) -> grpc.Future:
        """Ask for the cell."""
        request = pb.SpawnRequest(
            agent_id=AGENT,
            port=self.cell_port,
            storage_path=str(self.cell_path),
            engine=engine,
            request_id=request_id,
        )
        return self._call("SpawnStorageNode", request, timeout_seconds)

    def command(self, method: str, node_id: str, request_id: str = "") -> grpc.Future:
        """Ask for a change of the cell."""
        kind = pb.StopRequest if method == "StopStorageNode" else pb.NodeCommand
        return self._call(method, kind(node_id=node_id, request_id=request_id))

    def _call(self, method: str, request: Any, timeout_seconds: float = COMMAND_SECONDS) -> grpc.Future:
        rpc = getattr(self.grid.stub, method)
        call: grpc.Future = rpc.future(request, timeout=timeout_seconds, wait_for_ready=True)
        return call

    def make_cell(self, engine: str = "") -> str:
        """A cell that runs; its node id."""
        answer = self.spawn(engine=engine).result()
        assert answer.success, answer.error_message
        node_id: str = answer.node_id
        return node_id

    # -- what is there --

    def cell(self) -> str:
        """The cell's node id as the registry has it; empty without one."""
        return next((node.node_id for node in self._rows().values() if node.node_id != self.bystander.node_id), "")

    def pid(self, node_id: str) -> int:
        """Of the one process of a node; 0 without one."""
        return self.grid.pids().get(node_id, 0)

    def starts(self) -> int:
        """How often a process was ever started on the cell's path."""
        return len(starts(self.cell_path))

    # -- the invariants --

    def wait_agreement(self, running: set[str], stopped: frozenset[str] = frozenset()) -> None:
        """Registry, journal and process table come to say the same: these cells, beside the bystander, and no more."""
        wanted = dict.fromkeys({*running, self.bystander.node_id}, Desired.RUNNING)
        wanted |= dict.fromkeys(stopped, Desired.STOPPED)
        last: list[str] = []

        def agreed() -> bool:
            last[:] = self._differences(wanted)
            return not last

        try:
            eventually(agreed, AGREE_SECONDS)
        except AssertionError:
            raise AssertionError(f"no agreement: {'; '.join(last)}") from None
        assert not ran_twice(self.cell_path), "two processes ran on one path at the same time"
        assert self.grid.pids()[self.bystander.node_id] == self.bystander.pid, "the bystander has another process"
        (alone,) = starts(Path(self.bystander.storage_path))
        assert alone == self.bystander.pid

    def assert_nothing_leaked(self) -> None:
        """No cell is left: its port and slot are free, and another one can be made on its port and path."""
        assert is_port_free(self.cell_port)
        assert self.grid.agent().current_storage_nodes == 1
        self.remove(self.make_cell())

    @contextmanager
    def program_moved_away(self) -> Iterator[None]:
        """The program of the engine "movable" is not there for a while."""
        away = self.movable.with_name("moved-away")
        self.movable.rename(away)
        try:
            yield
        finally:
            away.rename(self.movable)

    def remove(self, node_id: str) -> None:
        """Remove a cell that is of no use any more."""
        answer = self.command("RemoveStorageNode", node_id).result()
        assert answer.success, answer.error_message

    def _differences(self, wanted: dict[str, Desired]) -> list[str]:
        rows, records, table = self._rows(), self._records(), self.grid.processes()
        found = [
            f"{where} has {sorted(names)} instead of {sorted(expected)}"
            for where, names, expected in (
                ("the registry", set(rows), set(wanted)),
                ("the journal", set(records), set(wanted)),
                ("the process table", set(table), {name for name in wanted if wanted[name] is Desired.RUNNING}),
            )
            if names != expected
        ]
        if found:
            return found
        for node_id, desired in wanted.items():
            pids = [process.pid for process in table.get(node_id, [])]
            found += _differences_of(rows[node_id], records[node_id], pids, desired)
        return found

    def _rows(self) -> dict[str, Node]:
        return {node.node_id: node for node in self.registry.nodes()}

    def _records(self) -> dict[str, NodeRecord]:
        """What the journal tells, read without touching it: every file is whole, whoever was killed."""
        records = {}
        for path in (self.grid.state_path(AGENT) / "nodes").iterdir():
            if path.suffix == ".json" and not path.name.startswith("."):
                with suppress(FileNotFoundError):  # deleted just now
                    record, _ = decode(path.read_bytes(), boot_id())
                    records[record.assignment.node_id] = record
            elif path.suffix == ".previous":
                owner = path.name.removesuffix(".json.previous")
                assert path.with_name(f"{owner}.json").exists() or not path.exists(), f"{path.name} was left behind"
        return records

    # -- the daemons --

    def restart_agent(self) -> None:
        """As an init script would."""
        self.agent.start()
        self.agent.wait_ready()

    def lose_registry(self) -> None:
        """Kill the master and delete all that it has written."""
        self.master.kill()
        for file in self.grid.root.glob(f"{self.grid.registry.name}*"):
            file.unlink()

    def restart_master(self) -> None:
        """As an init script would; returns when it has received a heartbeat of the agent."""
        began_ms = self.last_heartbeat_ms()
        self.master.start()
        self.master.wait_ready()
        eventually(lambda: self.last_heartbeat_ms() > began_ms, message="a heartbeat")

    def last_heartbeat_ms(self) -> int:
        """When the agent sent its last heartbeat, as the master has written it."""
        agent = self.registry.agent(AGENT)
        return agent.last_heartbeat_ms if agent else 0

    def recover(self) -> None:
        """After a test that failed: everything up again, and nothing but the bystander there."""
        for daemon in (self.master, self.agent):
            if not daemon.is_running:
                daemon.start()
            daemon.wait_ready()
        self.grid.wait_agents("healthy")
        cell = self.cell()
        if cell:
            self.command("RemoveStorageNode", cell).result()


def _differences_of(row: Node, record: NodeRecord, pids: list[int], desired: Desired) -> Iterator[str]:
    node_id, report, held = row.node_id, row.report, record.assignment
    if (row.desired, held.desired) != (desired, desired):
        yield f"{node_id} should be {desired}; registry: {row.desired}, journal: {held.desired}"
    if (row.generation, row.restart_generation) != (held.generation, held.restart_generation):
        yield f"{node_id} has generation {row.generation} in the registry and {held.generation} in the journal"
    state, phase = (
        (NodeState.RUNNING, Phase.RUNNING) if desired is Desired.RUNNING else (NodeState.STOPPED, Phase.STOPPED)
    )
    if report is None or (report.state, record.phase) != (state, phase):
        yield f"{node_id} should be {state}; registry: {report and report.state}, journal: {record.phase}"
    reported, journaled = report.pid if report else 0, record.process.pid if record.process else 0
    expected = pids if desired is Desired.RUNNING else [0]
    if len(expected) != 1 or [reported] != expected or [journaled] != expected:
        yield f"{node_id} runs as {pids}; registry: {reported}, journal: {journaled}"


@contextmanager
def killed_grid(root: Path) -> Iterator[KilledGrid]:
    """Master, agent and bystander, all up; nothing is left of them in the end."""
    root.mkdir(parents=True, exist_ok=True)
    program = str(write_node_program(root))
    shutil.copy(program, root / "movable")
    orders = {name: Orders(root / f"{name}.orders") for name in ("master", AGENT)}

    def engine(*arguments: str) -> dict[str, object]:
        words = ["--port", "{port}", "--storage-path", "{storage_path}", "--node-id", "{node_id}", *arguments]
        return {"binary_path": program, "args": words, "health_probe": "tcp", "stop_grace_secs": 0.3}

    engines = {
        "movable": engine() | {"binary_path": str(root / "movable")},
        "stubborn": engine("--ignore-term"),
        "broken": engine("--exit", "3"),
        "deaf": engine("--deaf"),
    }
    spec = GridSpec(
        max_storage_nodes=2,
        heartbeat_seconds=HEARTBEAT_SECONDS,
        master_extra=PATIENT,
        with_admin=False,
        extra={
            "storage": {"binary_path": program, "health_probe": "tcp"},
            "engines": engines,
            "restart": {"stable_secs": 0.0, "first_delay_secs": 0.1, "max_delay_secs": 0.2, "max_crashes": 2},
        },
        run_in={name: order.run_in for name, order in orders.items()},
    )
    with Grid(root, spec) as grid:
        killed = KilledGrid(grid, orders)
        try:
            yield killed
        finally:
            killed.registry.close()
