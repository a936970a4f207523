"""Restarts whose start would fail: the process that runs is left alone, and nothing restarts it later by surprise."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import toml
from support.harness.daemons import write_config
from support.harness.grid import Grid, GridSpec
from support.harness.interfaces import NodeView, Refused
from support.programs.node_program import write_node_program
from support.texts import mentions
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e

AGENT = "agent-1"
ARGS = ["--port", "{port}", "--storage-path", "{storage_path}", "--node-id", "{node_id}"]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    directory = tmp_path / "program"
    directory.mkdir()
    return write_node_program(directory)


@pytest.fixture
def grid(tmp_path: Path, program: Path) -> Iterator[Grid]:
    extra = {"engines": {"extra": {"binary_path": str(program), "args": ARGS, "health_probe": "tcp"}}}
    with Grid(tmp_path / "grid", GridSpec(with_admin=False, heartbeat_seconds=0.2, extra=extra)) as grid:
        yield grid


def status(grid: Grid, node: NodeView) -> pb.NodeStatus:
    return grid.stub.GetStorageNodeStatus(pb.NodeId(node_id=node.node_id), timeout=10)


def assert_left_alone(grid: Grid, node: NodeView, reason: str, *named: object) -> None:
    """A restart is refused for that reason; the node runs on, and no heartbeat makes up for it."""
    with pytest.raises(Refused) as refused:
        grid.grpc.restart(node.node_id)
    assert (refused.value.code, refused.value.reason) == ("failed_precondition", reason)
    assert mentions(str(refused.value), *named)
    heartbeat = grid.agent().last_heartbeat
    eventually(lambda: grid.agent().last_heartbeat > heartbeat, message="the next heartbeats")
    shown = status(grid, node)
    assert (shown.status, shown.pid, shown.restarts, len(shown.exits)) == ("running", node.pid, 0, 0)
    assert (shown.reason, shown.generation, shown.observed_generation) == (reason, shown.generation, shown.generation)
    assert mentions(shown.message, "restart refused", node.pid, *named)
    assert [event.reason for event in grid.events(node_id=node.node_id) if event.kind == "node.restart_refused"]
    told = grid.cli.run("nodes", "explain", node.node_id).stdout
    assert mentions(told, "restart refused", *named, "It is not restarted by itself")


@contextmanager
def without_engine(grid: Grid) -> Iterator[None]:
    """The agent restarted without the engine; afterwards restarted with it."""
    agent = grid.agents[AGENT]
    before = agent.config.read_text()
    config = toml.loads(before)
    del config["engines"]
    write_config(agent.config, config)
    agent.stop()
    agent.start()
    agent.wait_ready()
    try:
        yield
    finally:
        agent.config.write_text(before)
        agent.stop()
        agent.start()
        agent.wait_ready()


@pytest.mark.soak
def test_without_its_engine_a_node_is_not_stopped_and_restarts_when_it_is_back(grid: Grid) -> None:
    nodes = [grid.grpc.spawn(AGENT, engine="extra") for _ in range(2)]
    with without_engine(grid):
        eventually(lambda: status(grid, nodes[0]).reason == "adopted", 20, "adopted by the new agent process")
        assert_left_alone(grid, nodes[0], "unknown_engine", AGENT, "extra")
        rolling = grid.cli.run("nodes", "restart", "--all", "--yes")
        assert rolling.exit_code != 0
        assert [status(grid, node).pid for node in nodes] == [node.pid for node in nodes]
    eventually(lambda: status(grid, nodes[0]).reason == "adopted", 20, "adopted by the next agent process")
    assert status(grid, nodes[0]).pid == nodes[0].pid, "what was refused is not made up for"
    assert grid.grpc.restart(nodes[0].node_id).pid != nodes[0].pid
    assert status(grid, nodes[0]).restarts == 1


def test_without_its_program_a_node_is_not_stopped(grid: Grid, program: Path) -> None:
    node = grid.grpc.spawn(AGENT, engine="extra")
    away = shutil.move(program, program.with_name("away"))
    assert_left_alone(grid, node, "binary_missing", program)
    shutil.move(away, program)
    program.chmod(0o644)
    assert_left_alone(grid, node, "binary_not_executable", program)
    program.chmod(0o755)
    assert grid.grpc.restart(node.node_id).pid != node.pid
