"""A damaged registry: the start is refused with the remedy, and a rebuild takes the state from the agents."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.faults.registry_files import DAMAGES, Damage, copy_registry, make_registry
from support.harness.daemons import Outcome, run_program, serves_http, write_config
from support.harness.grid import PATIENT, Grid, GridSpec
from support.harness.interfaces import Refused
from support.texts import logs, mentions
from support.values import registry_errors
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e

PROGRAM = "sutra-grid-master"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_registry(tmp_path_factory.mktemp("whole") / "registry.db")


@pytest.fixture
def file(whole: Path, tmp_path: Path) -> Path:
    return copy_registry(whole, tmp_path / "registry.db")


soak = pytest.mark.soak


def start(file: Path, *arguments: str) -> Outcome:
    """Start a master that must be refused before it needs its port."""
    config = write_config(
        file.with_name("master.toml"), {"master": {"listen": "127.0.0.1:1", "registry_url": f"sqlite:///{file}"}}
    )
    return run_program(PROGRAM, "--config", str(config), *arguments)


FIRST, *OTHERS = (pytest.param(damage, id=name) for name, damage in DAMAGES.items())


@pytest.mark.parametrize("damage", [FIRST, *(pytest.param(*other.values, id=other.id, marks=soak) for other in OTHERS)])
def test_a_start_on_a_damaged_registry_is_refused_with_the_way_out(file: Path, damage: Damage) -> None:
    damage(file)
    ended = start(file)
    assert ended.exit_code == 1
    assert mentions(ended.stderr, file, registry_errors.DAMAGED, "backup", "--rebuild")
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert file.exists()


def test_a_whole_registry_is_not_rebuilt(file: Path) -> None:
    ended = start(file, "--rebuild")
    assert ended.exit_code == 1
    assert mentions(ended.stderr, file)
    assert not mentions(ended.stderr, registry_errors.DAMAGED)
    assert not list(file.parent.glob("*damaged*"))


def test_where_there_is_no_registry_nothing_is_rebuilt(tmp_path: Path) -> None:
    ended = start(tmp_path / "registry.db", "--rebuild")
    assert ended.exit_code == 1
    assert mentions(ended.stderr, tmp_path / "registry.db", "--rebuild")
    assert not (tmp_path / "registry.db").exists()


def test_a_registry_on_a_database_server_is_not_rebuilt_in_place(tmp_path: Path) -> None:
    url = "postgresql+psycopg://grid:secret@127.0.0.1:1/grid"
    ended = start(tmp_path / "unused.db", "--rebuild", "--registry-url", url)
    assert ended.exit_code == 1
    assert mentions(ended.stderr, "PostgreSQL", "empty database")
    assert "secret" not in ended.stderr


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with Grid(tmp_path_factory.mktemp("grid"), GridSpec(agents=2, heartbeat_seconds=0.2, master_extra=PATIENT)) as grid:
        for _ in range(3):
            grid.grpc.spawn()
        yield grid


def as_they_are(grid: Grid) -> dict[str, tuple[object, ...]]:
    nodes = grid.stub.ListStorageNodes(pb.ListNodesRequest(), timeout=10).nodes
    return {n.node_id: (n.status, n.pid, n.desired, n.generation, n.spec.storage_path) for n in nodes}


@pytest.mark.soak
def test_a_rebuild_sets_the_damaged_registry_aside_and_takes_over_what_is(grid: Grid) -> None:
    stopped = grid.grpc.stop(grid.grpc.nodes()[0].node_id)
    before = as_they_are(grid)
    running = grid.processes()
    grid.master.kill()
    DAMAGES["random bytes"](grid.registry)
    content = grid.registry.read_bytes()
    refused = run_program(PROGRAM, "--config", str(grid.master.config))
    assert (refused.exit_code, "--rebuild" in refused.stderr) == (1, True)

    grid.master.start("--rebuild")
    grid.master.wait_ready()
    grid.wait_agents("healthy")

    eventually(lambda: as_they_are(grid) == before, message="every node as it was")
    assert grid.processes() == running
    assert stopped.node_id not in running
    [event] = grid.events(kind="registry.rebuilt")
    [kept] = grid.root.glob("registry.db.damaged-*Z")
    assert event.reason == "registry_damaged"
    assert str(kept) in event.message
    assert kept.read_bytes() == content
    assert logs(grid.master.log_text(), kept=kept)
    # The admin had the damaged file open; it answers from the new one without a restart.
    eventually(lambda: {view.node_id for view in grid.rest.nodes()} == set(before), message="the admin follows")
    assert grid.grpc.start(stopped.node_id).status == "running"


def test_an_admin_that_starts_on_a_damaged_registry_says_so_and_needs_no_restart(grid: Grid) -> None:
    nodes = sorted(grid.processes())
    grid.admin.stop()
    grid.master.kill()
    DAMAGES["no database"](grid.registry)
    grid.admin.start()
    eventually(lambda: serves_http(grid.admin_address, "/openapi.json"), message="the admin is up")

    answer = grid.http.get("/nodes")
    assert (answer.status, answer.json["reason"]) == (503, "registry_unavailable")
    assert mentions(answer.json["detail"], grid.registry, registry_errors.DAMAGED)
    assert mentions(answer.json["hint"], "--rebuild")
    assert "Traceback" not in grid.admin.log_text()

    grid.master.start("--rebuild")
    grid.master.wait_ready()
    eventually(lambda: listed(grid) == nodes, message="the admin has what the agents have")


def listed(grid: Grid) -> list[str]:
    """What the admin lists; nothing while it answers with a problem."""
    answer = grid.http.get("/nodes")
    return sorted(node["node_id"] for node in answer.json["nodes"]) if answer.status == 200 else []


def test_a_rebuild_beside_a_running_master_is_refused_and_a_check_rebuilds_nothing(grid: Grid) -> None:
    before = set(grid.root.glob("*damaged*"))
    beside = run_program(PROGRAM, "--config", str(grid.master.config), "--rebuild")
    assert beside.exit_code == 1
    assert mentions(beside.stderr, grid.master.pid)
    check = run_program(PROGRAM, "--config", str(grid.master.config), "--rebuild", "--check-config")
    assert check.exit_code == 0
    assert set(grid.root.glob("*damaged*")) == before


def overwrite(file: Path) -> None:
    """Damage every page while daemons have the file open, and commit from outside so that they read the pages again."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE alembic_version SET version_num = version_num")
    for part in (file, file.with_name(file.name + "-wal")):
        with part.open("r+b") as stream:
            stream.write(b"\xff" * part.stat().st_size)
    connection.execute("COMMIT")
    connection.close()


def test_damage_under_the_running_master_fails_commands_with_the_reason_while_heartbeats_go_on(grid: Grid) -> None:
    running = grid.processes()
    node = next(view for view in grid.grpc.nodes() if view.status == "running")
    overwrite(grid.registry)

    def refusal() -> Refused | None:
        try:
            grid.grpc.restart(node.node_id)
        except Refused as refused:
            return refused
        return None

    refused = eventually(refusal, message="a command fails")
    assert refused is not None
    assert refused.reason == "registry_unavailable"
    assert mentions(refused.message, registry_errors.DAMAGED)
    assert mentions(refused.hint.lower(), "move")
    heartbeat = grid.agent().last_heartbeat
    eventually(lambda: grid.agent().last_heartbeat > heartbeat, message="heartbeats go on")
    assert set(grid.agent_statuses().values()) == {"healthy"}
    answer = eventually(lambda: (a := grid.http.get("/nodes")).status == 503 and a, message="the admin answers 503")
    assert mentions(answer.json["detail"], registry_errors.DAMAGED)
    assert grid.processes().keys() == running.keys()

    # The way out that the hint names needs no restart.
    grid.registry.rename(grid.root / "away.db")
    eventually(lambda: refusal() is None, message="a command succeeds")
    shown = {view.node_id: view.pid for view in grid.grpc.nodes() if view.status == "running"}
    assert shown == grid.pids()
    assert {name: found for name, found in running.items() if name != node.node_id}.items() <= grid.processes().items()
    assert grid.http.get("/nodes").status == 200
    assert "Traceback" not in grid.master.log_text() + grid.admin.log_text()
