"""The debug bundle of a real grid."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

from support.harness.daemons import run_program
from support.harness.grid import Grid


def test_a_bundle_of_a_grid_has_journals_logs_and_the_registry(shared_grid: Grid, tmp_path: Path) -> None:
    node = shared_grid.grpc.spawn("agent-1")
    file = tmp_path / "bundle.tar.gz"
    arguments = ["--state-path", str(shared_grid.state_path("agent-1")), "--file", str(file), "-o", "json"]
    arguments += ["--config", str(shared_grid.master.config), "--log", str(shared_grid.master.log)]
    done = run_program("sutra-grid-cli", "--master", shared_grid.master_address, "debug", "bundle", *arguments)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["missing"] == []
    with tarfile.open(file) as archive:
        names = archive.getnames()
        log = archive.extractfile(f"bundle/logs/{node.node_id}.log")
        assert log is not None
        assert b"ready" in log.read()
        nodes = archive.extractfile("bundle/grid/nodes.json")
        assert nodes is not None
        assert node.node_id in {each["node_id"] for each in json.load(nodes)["nodes"]}
    journal = f"nodes/{node.node_id}.json"
    assert any(name.startswith("bundle/state/") and name.endswith(journal) for name in names), names


def test_a_bundle_is_made_while_the_master_is_down(shared_grid: Grid, tmp_path: Path) -> None:
    shared_grid.master.kill()
    try:
        arguments = ["--file", str(tmp_path / "b.tar.gz"), "--log", str(shared_grid.master.log), "-o", "json"]
        done = run_program("sutra-grid-cli", "--master", shared_grid.master_address, "debug", "bundle", *arguments)
        assert done.exit_code == 0, done.stderr
        assert [missing["name"] for missing in json.loads(done.stdout)["missing"]] == ["grid"]
    finally:
        shared_grid.master.start()
        shared_grid.master.wait_ready()
        shared_grid.wait_agents("healthy")
