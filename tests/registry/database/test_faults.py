"""When the database fails: an error that names it, nothing changed, and recovery by itself."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, exc, text
from support.texts import mentions
from support.values import registry_errors
from support.values.grid_values import a_node, an_agent
from support.waiting import eventually

from sutra_grid.core.errors import Aborted, GridError, Internal, Unavailable
from sutra_grid.core.types import Desired, Reason
from sutra_grid.registry import Registry
from sutra_grid.registry.database.faults import to_grid_error

WRITE_FOR_EVER = """
import itertools, sys
from sutra_grid.core.types import Desired, Node, NodeSpec
from sutra_grid.registry import Registry
registry = Registry.open(sys.argv[1], migrate=False)
for number in itertools.count():
    registry.create_node(Node(f"node-{number}", "agent-1", NodeSpec(), Desired.RUNNING, 1, 1, 1), record=None)
    print(number, flush=True)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "registry.db"


@pytest.fixture
def on_file(file: Path) -> Iterator[Registry]:
    registry = Registry.open(f"sqlite:///{file}", migrate=True, lock_wait_seconds=0.05)
    registry.save_agent(an_agent())
    registry.create_node(a_node(), record=None)
    yield registry
    registry.close()


def test_a_lock_of_another_process_fails_writes_with_the_reason_and_passes(on_file: Registry, file: Path) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match=registry_errors.LOCKED) as caught:
        on_file.change_desired("node-00000001", Desired.STOPPED)
    assert caught.value.reason is Reason.REGISTRY_UNAVAILABLE
    assert str(file) in caught.value.message
    assert on_file.nodes() == [a_node()]
    other.execute("ROLLBACK")
    other.close()
    assert on_file.change_desired("node-00000001", Desired.STOPPED).generation == 2


@pytest.mark.postgres
def test_a_lock_of_another_session_fails_with_the_reason_and_passes(postgres_server: object) -> None:
    with postgres_server.new_database() as url:  # type: ignore[attr-defined]
        registry = Registry.open(url, migrate=True, lock_wait_seconds=0.05)
        registry.save_agent(an_agent())
        engine = create_engine(url)
        with engine.begin() as other:
            other.execute(text("LOCK TABLE agents IN ACCESS EXCLUSIVE MODE"))
            with pytest.raises(Unavailable, match=registry_errors.LOCKED):
                registry.agents()
        assert len(registry.agents()) == 1
        engine.dispose()
        registry.close()


@pytest.mark.postgres
def test_connections_that_the_server_ended_are_renewed(postgres_server: object) -> None:
    with postgres_server.new_database() as url:  # type: ignore[attr-defined]
        registry = Registry.open(url, migrate=True)
        registry.save_agent(an_agent())
        engine = create_engine(url)
        with engine.begin() as other:
            other.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"))
        assert len(registry.agents()) == 1
        engine.dispose()
        registry.close()


def test_a_file_that_was_deleted_is_missed_at_once(on_file: Registry, file: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    with pytest.raises(Unavailable) as caught:
        on_file.agents()
    assert str(file) in caught.value.message
    assert not file.exists()


def test_a_recreated_registry_is_seen_by_who_had_the_old_one_open(on_file: Registry, file: Path) -> None:
    file.unlink()
    anew = Registry.open(f"sqlite:///{file}", migrate=True)
    anew.save_agent(an_agent("agent-2"))
    assert [agent.agent_id for agent in on_file.agents()] == ["agent-2"]
    anew.close()


def test_a_log_that_a_deleted_file_left_behind_is_not_replayed(on_file: Registry, file: Path, tmp_path: Path) -> None:
    wal = file.with_name(file.name + "-wal")
    kept = tmp_path / "kept"
    shutil.copy(wal, kept)
    assert kept.stat().st_size > 0
    on_file.close()
    file.unlink()
    shutil.copy(kept, wal)
    anew = Registry.open(f"sqlite:///{file}", migrate=True)
    assert anew.agents() == []
    anew.close()


def test_a_corrupt_file_is_reported_and_not_a_crash(on_file: Registry, file: Path) -> None:
    on_file.close()
    size = file.stat().st_size
    with file.open("r+b") as stream:
        stream.seek(4096)
        stream.write(b"\xff" * (size - 4096))
    with pytest.raises(Unavailable, match=registry_errors.DAMAGED):
        on_file.agents()


def test_kill_at_any_moment_loses_nothing_that_was_acknowledged(on_file: Registry, file: Path) -> None:
    command = [sys.executable, "-c", WRITE_FOR_EVER, f"sqlite:///{file}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline() for _ in range(50)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += writer.stdout.readlines()
    stored = {node.node_id for node in on_file.nodes()}
    assert {f"node-{line.strip()}" for line in acknowledged if line.endswith("\n")} <= stored
    eventually(lambda: on_file.change_desired("node-0", Desired.STOPPED).generation == 2)


def test_check_raises_when_the_registry_does_not_answer(on_file: Registry, file: Path) -> None:
    on_file.check()
    file.unlink()
    with pytest.raises(Unavailable):
        on_file.check()


class DriverError(Exception):
    """What a driver raises, with the marks that the table reads."""

    def __init__(self, name: str = "", state: str | None = None) -> None:
        super().__init__("the driver's words")
        if name:
            self.sqlite_errorname = name
        self.sqlstate = state


@pytest.mark.parametrize(
    ("name", "state", "named"),
    [
        ("SQLITE_BUSY_SNAPSHOT", None, registry_errors.LOCKED),
        ("SQLITE_FULL", None, registry_errors.FULL),
        ("SQLITE_READONLY_DIRECTORY", None, "read-only"),
        ("SQLITE_CANTOPEN", None, "opened"),
        ("SQLITE_IOERR_WRITE", None, "disk"),
        ("SQLITE_CORRUPT_INDEX", None, registry_errors.DAMAGED),
        ("SQLITE_ERROR", None, "failed"),
        ("", "53100", registry_errors.FULL),
        ("", "53300", "busy"),
        ("", "57P01", registry_errors.UNREACHABLE),
        ("", "08006", registry_errors.UNREACHABLE),
        ("", None, registry_errors.UNREACHABLE),
        ("", "25006", "read-only"),
        ("", "42P01", "tables"),
    ],
)
def test_each_fault_has_a_message(name: str, state: str | None, named: str) -> None:
    error = to_grid_error(exc.OperationalError("SELECT 1", {}, DriverError(name, state)), "grid.db")
    assert isinstance(error, Unavailable)
    assert error.reason is Reason.REGISTRY_UNAVAILABLE
    assert named in error.message
    assert mentions(error.message, "grid.db", "the driver's words")
    assert "SELECT" not in str(error)
    assert error.hint


def test_a_full_disk_is_told_from_the_real_driver_error(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "small.db")
    connection.execute("CREATE TABLE t (x)")
    connection.execute("PRAGMA max_page_count = 2")
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
    connection.close()
    error = to_grid_error(exc.OperationalError("INSERT", {}, caught.value), "small.db")
    assert mentions(error.message, registry_errors.FULL)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (exc.OperationalError("x", {}, DriverError(state="40001")), Aborted),
        (exc.OperationalError("x", {}, DriverError(state="40P01")), Aborted),
        (exc.TimeoutError("no connection"), Unavailable),
        (exc.IntegrityError("x", {}, DriverError()), Internal),
        (exc.CompileError("a fault of ours"), Internal),
    ],
)
def test_other_faults_have_their_own_code(error: Exception, kind: type[GridError]) -> None:
    assert type(to_grid_error(error, "grid.db")) is kind
