"""What can't or may not be spawned is refused with its reason, and leaves nothing behind anywhere."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from support.harness.agent_harness import AgentHarness, refusal_of
from support.harness.grid import PATIENT, Grid, GridSpec
from support.harness.interfaces import NodeView
from support.texts import mentions
from support.waiting import eventually

from sutra_grid.core.types import Reason
from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e

AGENT = "agent-1"


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    root = tmp_path_factory.mktemp("grid")
    (root / "plain").touch()
    engines = {
        "missing": {"binary_path": str(root / "nothing")},
        "plain": {"binary_path": str(root / "plain")},
        "exits": {"binary_path": "/bin/false", "args": []},
    }
    spec = GridSpec(
        heartbeat_seconds=0.2, master_extra=PATIENT, with_admin=False, max_storage_nodes=3, extra={"engines": engines}
    )
    with Grid(root, spec) as grid:
        data = grid.data_path(AGENT)
        (data / "file").touch()
        (data / "link").symlink_to("/tmp")
        yield grid


@pytest.fixture(scope="module")
def held(grid: Grid) -> NodeView:
    """A node that exists before the refused spawn."""
    return grid.grpc.spawn(AGENT)


@pytest.fixture(scope="module")
def foreign_port(grid: Grid) -> Iterator[int]:
    """A port of the agent's range on which this test listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", grid.node_port(AGENT, 0)))
        holder.listen()
        yield holder.getsockname()[1]


@dataclass(frozen=True, slots=True)
class Traces:
    """Everything that a node has in a grid: processes, records, journal files, directories, slots."""

    pids: dict[str, int]
    records: list[str]
    journal: list[str]
    data: list[str]
    slots: int

    @classmethod
    def of(cls, grid: Grid) -> Traces:
        return cls(
            grid.pids(),
            sorted(node.node_id for node in grid.grpc.nodes()),
            sorted(file.name for file in (grid.state_path(AGENT) / "nodes").iterdir()),
            sorted(str(path) for path in grid.data_path(AGENT).iterdir()),
            grid.agent().current_storage_nodes,
        )


CASES = [
    pytest.param({"engine": "missing"}, "binary_missing", "nothing", id="binary missing"),
    pytest.param({"engine": "plain"}, "binary_not_executable", "plain", id="binary not executable"),
    pytest.param({"engine": "exits"}, "crashed", "code 1", id="program exits at once"),
    pytest.param({"engine": "exits", "storage_path": "new/x/y"}, "crashed", "code 1", id="the same in new directories"),
    pytest.param({"engine": "no-engine"}, "unknown_engine", "no-engine", id="unknown engine"),
    pytest.param({"memory_limit_mb": 10**9}, "invalid_argument", 10**9, id="more memory than the host has"),
    pytest.param({"port": "foreign"}, "port_taken", os.getpid(), id="port taken by another program"),
    pytest.param({"port": "held"}, "port_taken", "{node}", id="port of another node"),
    pytest.param({"port": 80}, "port_out_of_range", 80, id="port out of range"),
    pytest.param({"storage_path": "/tmp/elsewhere"}, "path_outside_data", "/tmp/elsewhere", id="path elsewhere"),
    pytest.param({"storage_path": "../elsewhere"}, "path_outside_data", "elsewhere", id="path out by dots"),
    pytest.param({"storage_path": "link/x"}, "path_outside_data", "/tmp/x", id="path out by a symbolic link"),
    pytest.param({"storage_path": "."}, "path_outside_data", "data", id="path is data_path"),
    pytest.param({"storage_path": "{node}"}, "path_taken", "{node}", id="path in use"),
    pytest.param({"storage_path": "{node}/x"}, "path_taken", "{node}", id="path below one in use"),
    pytest.param({"storage_path": "file/x"}, "path_not_writable", "file", id="path below a file"),
]


def requested(asked: dict[str, str | int], held: NodeView, foreign_port: int) -> pb.SpawnRequest:
    ports = {"held": int(held.endpoint.rpartition(":")[2]), "foreign": foreign_port}
    port = asked.get("port", 0)
    return pb.SpawnRequest(
        agent_id=AGENT,
        engine=str(asked.get("engine", "")),
        memory_limit_mb=int(asked.get("memory_limit_mb", 0)),
        port=ports[port] if isinstance(port, str) else port,
        storage_path=str(asked.get("storage_path", "")).format(node=held.node_id),
    )


@pytest.mark.parametrize(("asked", "reason", "named"), CASES)
def test_a_spawn_that_may_not_be_is_refused_by_name_and_leaves_nothing(
    grid: Grid, held: NodeView, foreign_port: int, asked: dict[str, str | int], reason: str, named: str | int
) -> None:
    before = Traces.of(grid)

    answer = grid.stub.SpawnStorageNode(requested(asked, held, foreign_port), timeout=10)

    assert (answer.success, answer.error.reason) == (False, reason), answer
    assert mentions(answer.error_message, str(named).format(node=held.node_id))
    assert answer.error.hint
    assert Traces.of(grid) == before


def test_no_heartbeat_brings_back_what_was_refused(grid: Grid, held: NodeView, foreign_port: int) -> None:
    before = Traces.of(grid)

    for case in CASES:
        grid.stub.SpawnStorageNode(requested(case.values[0], held, foreign_port), timeout=10)
    heartbeat = grid.agent().last_heartbeat
    eventually(lambda: grid.agent().last_heartbeat > heartbeat, message="the next heartbeats")

    assert Traces.of(grid) == before


def test_a_spawn_on_full_slots_is_refused_and_leaves_nothing(grid: Grid, held: NodeView) -> None:
    others = [grid.grpc.spawn(AGENT) for _ in range(grid.spec.max_storage_nodes - 1)]
    before = Traces.of(grid)

    answer = grid.stub.SpawnStorageNode(pb.SpawnRequest(agent_id=AGENT), timeout=10)

    assert (answer.success, answer.error.reason) == (False, "slots_full"), answer
    assert Traces.of(grid) == before
    for node in others:
        grid.grpc.remove(node.node_id)


def test_an_agent_keeps_its_slots_by_itself_whatever_a_master_asks(make_agent: Callable[..., AgentHarness]) -> None:
    agent = make_agent(agent={"max_storage_nodes": 1})
    agent.run("node-1")
    error = refusal_of(lambda: agent.run("node-2"))
    assert error.reason is Reason.SLOTS_FULL
    assert mentions(error.message, "max_storage_nodes", 1)
    assert list(agent.reports()) == ["node-1"]
    assert not agent.journal_file("node-2").exists()
