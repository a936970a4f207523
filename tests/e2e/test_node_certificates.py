"""Nodes with certificates of their own, on a grid of real processes with mutual TLS."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.harness.grid import Grid, GridSpec
from support.harness.interfaces import NodeView
from support.needs import skip_for
from support.waiting import eventually

from sutra_grid.core.access.identity import Role
from sutra_grid.runtime.certificates.files import read_pair
from sutra_grid.wire import grid_pb2 as pb

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

REDIS = {
    "binary_path": "/usr/bin/redis-server",
    "args": ["--bind", "{host}", "--port", "0", "--tls-port", "{port}", "--dir", "{storage_path}", "--save", "",
             "--tls-cert-file", "{tls_cert}", "--tls-key-file", "{tls_key}", "--tls-ca-cert-file", "{tls_ca}"],
    "health_probe": "tcp",
    "tls": True,
}  # fmt: skip
SPEC = GridSpec(
    agents=1,
    with_tls=True,
    with_admin=False,
    extra={"storage": {"tls": True}, "engines": {"redis": REDIS}, "restart": {"max_delay_secs": 0.5}},
)


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[Grid]:
    with Grid(tmp_path, SPEC) as running:
        yield running


def found(program: str) -> str:
    return shutil.which(program) or skip_for(program)


def client(program: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([found(program), *options], capture_output=True, text=True, check=False, timeout=20)


def etcdctl(
    grid: Grid, node: NodeView, *words: str, role: Role | None = Role.CLIENT
) -> subprocess.CompletedProcess[str]:
    assert grid.tls is not None
    files = grid.tls.section(role or Role.CLIENT, "app")
    options = ["--endpoints", f"https://{node.endpoint}", "--cacert", files["ca_file"], "--command-timeout=3s"]
    if role is not None:
        options += ["--cert", files["cert_file"], "--key", files["key_file"]]
    return client("etcdctl", *options, *words)


def directory(grid: Grid, node: NodeView) -> Path:
    return grid.state_path("agent-1") / "nodes-tls" / node.node_id


def test_etcdctl_reaches_a_node_with_a_certificate_and_not_without(grid: Grid) -> None:
    node = grid.cli.spawn()
    node = grid.wait_node(node.node_id, "running")
    assert etcdctl(grid, node, "put", "/a", "1").stdout == "OK\n"
    assert etcdctl(grid, node, "get", "/a", "--print-value-only").stdout == "1\n"
    assert etcdctl(grid, node, "get", "/a", role=None).returncode != 0
    assert etcdctl(grid, node, "get", "/a", role=Role.VIEWER).returncode != 0
    files = directory(grid, node)
    pair = read_pair(files / "cert.pem", files / "key.pem")
    assert (pair.identity.role, pair.identity.name) == (Role.NODE, node.node_id)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (files, files / "key.pem")] == [0o700, 0o600]
    grid.cli.stop(node.node_id)
    grid.cli.remove(node.node_id)
    eventually(lambda: not files.exists(), 5, "the removal of the node's key")


def test_a_node_with_a_certificate_is_adopted_and_probed_after_a_kill_of_the_agent(grid: Grid) -> None:
    node = grid.cli.spawn()
    grid.wait_node(node.node_id, "running")
    pid = grid.pids()[node.node_id]
    agent = grid.agents["agent-1"]
    agent.kill()
    agent.start()
    agent.wait_ready()
    grid.wait_agents("healthy")
    eventually(lambda: grid.grpc.show(node.node_id).health == "healthy", 15, "a passed probe")
    assert grid.pids()[node.node_id] == pid


def test_redis_serves_with_the_certificate_that_its_engine_names(grid: Grid) -> None:
    found("redis-server")
    node = grid.cli.spawn(engine="redis")
    node = grid.wait_node(node.node_id, "running")
    assert grid.tls is not None
    files = grid.tls.section(Role.CLIENT, "app")
    host, _, port = node.endpoint.rpartition(":")
    options = ["-h", host, "-p", port, "--tls", "--cacert", files["ca_file"]]
    own = ["--cert", files["cert_file"], "--key", files["key_file"]]
    assert client("redis-cli", *options, *own, "ping").stdout == "PONG\n"
    assert "PONG" not in client("redis-cli", *options, "ping").stdout
    assert "PONG" not in client("redis-cli", "-h", host, "-p", port, "ping").stdout


def test_a_start_without_a_master_needs_a_certificate_that_is_there(grid: Grid) -> None:
    """Without one the start waits, other nodes go on, and it starts when a master is back."""
    kept, lost = (grid.cli.spawn() for _ in range(2))
    for node in (kept, lost):
        grid.wait_node(node.node_id, "running")
    before = grid.pids()
    grid.master.kill()
    shutil.rmtree(directory(grid, lost))
    for process in grid.processes().values():
        os.kill(process[0].pid, signal.SIGKILL)
    eventually(lambda: grid.pids().get(kept.node_id, before[kept.node_id]) != before[kept.node_id], 15, "a restart")
    eventually(lambda: "certificate_missing" in grid.agents["agent-1"].log_text(), 15, "a start that waits")
    assert lost.node_id not in grid.pids()
    grid.master.start()
    grid.master.wait_ready()
    view = grid.wait_node(lost.node_id, "running", 30)
    assert view.node_id in grid.pids()


def test_a_master_without_the_signing_key_is_named(tmp_path: Path) -> None:
    grid = Grid(tmp_path, SPEC)
    lines = grid.master.config.read_text().splitlines(keepends=True)
    grid.master.config.write_text("".join(line for line in lines if "ca_key_file" not in line))
    with grid:
        answer = grid.stub.SpawnStorageNode(pb.SpawnRequest(agent_id="agent-1"), timeout=20)
        assert "ca_key_file" in str(answer)
