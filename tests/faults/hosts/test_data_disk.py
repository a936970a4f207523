"""A data disk that is not mounted: the agent says so, becomes no new host, and nothing healthy is lost."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.faults.data_disk import DataDisk, mounted_disk
from support.harness.grid import Grid, GridSpec
from support.texts import commands_in, logs, mentions
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e


@contextmanager
def grid_on_disk(root: Path, **storage: object) -> Iterator[tuple[Grid, DataDisk]]:
    """A grid whose agent has data and state on a disk of its own."""
    point = root / "agent-1" / "data"
    spec = GridSpec(
        with_admin=False,
        heartbeat_seconds=0.2,
        extra={"agent": {"state_path": str(point / ".agent")}, "storage": storage},
        master_extra={"liveness": {"degraded_after_missed": 10, "offline_after_missed": 20}},
    )
    with mounted_disk(root / "disk", point) as disk, Grid(root, spec) as grid:
        yield grid, disk


def test_an_agent_without_its_data_disk_is_told_as_such_and_no_hint_removes_a_healthy_node(tmp_path: Path) -> None:
    with grid_on_disk(tmp_path) as (grid, disk):
        node, agent = grid.grpc.spawn("agent-1"), grid.agents["agent-1"]
        pids, holder = grid.pids(), grid.agent().host_id
        agent.stop()
        disk.unmount()
        agent.start()
        eventually(lambda: logs(agent.log_text(), reason="host_conflict"), message="the refusal in its log")
        log = agent.log_text()
        assert mentions(log, holder, str(disk.point), "Is the data disk mounted on")
        impostor = (disk.point / ".agent" / "host_id").read_text().strip()
        assert mentions(log, impostor)

        # Whoever follows the hints: each command is tried, and none loses anything.
        hints = commands_in(log)
        assert [hint for hint in hints if "--force" in hint] == []
        refused = grid.cli.run("-o", "table", "agents", "remove", "agent-1", "--yes")
        assert refused.exit_code == 1
        assert mentions(refused.stderr, node.node_id, pids[node.node_id], impostor, "Is the data disk mounted on")
        assert grid.pids() == pids
        # It is refused many times a second in this test; the event says it once.
        eventually(lambda: agent.log_text().count("registration failed") >= 1)
        assert [event.reason for event in grid.events(kind="agent.refused")] == ["host_conflict"]

        agent.stop()
        shutil.rmtree(disk.point / ".agent")
        disk.mount()
        agent.start()
        agent.wait_ready()
        grid.wait_agents("healthy")
        assert grid.wait_node(node.node_id, "running").pid == pids[node.node_id]
        assert grid.agent().host_id == holder


def test_with_require_mount_an_agent_does_not_start_without_its_disk(tmp_path: Path) -> None:
    point = tmp_path / "agent-1" / "data"
    with grid_on_disk(tmp_path, require_mount=str(point)) as (grid, disk):
        agent, holder = grid.agents["agent-1"], grid.agent().host_id
        agent.stop()
        disk.unmount()
        agent.start()
        assert agent.exit_code() == 1
        assert re.search(rf"nothing is mounted at {re.escape(str(point))}.*Mount the data disk", agent.log_text())
        assert not list(point.iterdir()), "nothing was created in the empty directory"
        disk.mount()
        agent.start()
        agent.wait_ready()
        grid.wait_agents("healthy")
        assert grid.agent().host_id == holder


@pytest.mark.soak
@pytest.mark.parametrize("with_require_mount", [True, False])
def test_a_disk_that_is_unmounted_later_starts_nothing_in_the_directory_beneath(
    tmp_path: Path, with_require_mount: bool
) -> None:
    point = tmp_path / "agent-1" / "data"
    storage = {"require_mount": str(point)} if with_require_mount else {}
    with grid_on_disk(tmp_path, **storage) as (grid, disk):
        node = grid.grpc.spawn("agent-1")
        (old,) = grid.pids().values()
        disk.unmount()
        os.kill(old, signal.SIGKILL)

        def waits() -> bool:
            shown = grid.stub.GetStorageNodeStatus(pb.NodeId(node_id=node.node_id), timeout=10)
            return shown.reason == "disk_not_mounted" and "data disk mounted" in shown.message

        eventually(waits, message="the node says why it waits")
        answer = grid.stub.SpawnStorageNode(pb.SpawnRequest(agent_id="agent-1"), timeout=20)
        assert (answer.success, answer.error.reason) == (False, "disk_not_mounted")
        assert not grid.pids()
        assert not list(point.iterdir()), "nothing was created in the empty directory"
        explained = grid.cli.run("-o", "table", "nodes", "explain", node.node_id).stdout
        assert mentions(explained, "Mount the data disk")
        disk.mount()
        assert grid.stub.StartStorageNode(pb.NodeCommand(node_id=node.node_id), timeout=20).success
        assert grid.wait_node(node.node_id, "running").pid != old


@pytest.mark.soak
def test_a_forced_removal_does_what_it_said_when_the_agent_comes_back(tmp_path: Path) -> None:
    with grid_on_disk(tmp_path) as (grid, disk):
        node, agent = grid.grpc.spawn("agent-1"), grid.agents["agent-1"]
        agent.kill()
        eventually(lambda: grid.agent().status == "offline", 20, message="offline")
        said = grid.cli.run("-o", "table", "agents", "remove", "agent-1", "--yes").stderr
        assert mentions(said, node.node_id, "stops those that run and removes them", "data stays")
        assert "sutra-grid-cli agents remove agent-1 --force" in commands_in(said)
        assert grid.pids(), "it was only refused"
        assert grid.cli.run("-o", "table", "agents", "remove", "agent-1", "--yes", "--force").exit_code == 0
        assert grid.pids(), "the process runs on until its agent is back"
        (removed,) = grid.events(kind="agent.removed")
        assert mentions(removed.message, "by force", node.node_id)
        agent.start()
        agent.wait_ready()
        grid.wait_agents("healthy")
        eventually(lambda: not grid.pids(), message="the agent stopped it")
        assert grid.stub.ListStorageNodes(pb.ListNodesRequest(), timeout=10).nodes == []
        assert list((disk.point / node.node_id).iterdir()), "its data stays"
