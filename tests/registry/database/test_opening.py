"""Opening a registry: made once by whoever comes first, and refused with the way out."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from support.harness.ports import free_port
from support.texts import mentions
from support.values import registry_errors
from support.values.grid_values import an_agent

from sutra_grid.core.errors import FailedPrecondition, GridError, InvalidArgument, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.registry import Registry, RegistryDamaged

OPEN_AND_SAVE = """
import sys
from sutra_grid.core.types import Agent
from sutra_grid.registry import Registry
registry = Registry.open(sys.argv[1], migrate=True)
registry.save_agent(Agent(sys.argv[2], "host", "docker", 1))
registry.close()
"""


def sqlite_url(file: Path) -> str:
    return f"sqlite:///{file}"


def test_four_processes_open_an_empty_registry_at_once(url: str) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", OPEN_AND_SAVE, url, f"agent-{number}"], stderr=subprocess.PIPE)
        for number in range(4)
    ]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    registry = Registry.open(url, migrate=False)
    assert len(registry.agents()) == 4
    registry.close()


def test_opening_again_keeps_everything(url: str) -> None:
    for number in range(2):
        registry = Registry.open(url, migrate=True)
        registry.save_agent(an_agent(f"agent-{number}"))
        registry.close()
    registry = Registry.open(url, migrate=True)
    assert len(registry.agents()) == 2
    registry.close()


def test_directories_of_the_file_are_made(tmp_path: Path) -> None:
    file = tmp_path / "with space" / "100%?#" / "registry.db"
    Registry.open(sqlite_url(file).replace("%", "%25").replace("?", "%3F"), migrate=True).close()
    assert list(tmp_path.glob("with space/*/registry.db"))


def test_commits_are_synced_and_readers_do_not_wait(tmp_path: Path) -> None:
    registry = Registry.open(sqlite_url(tmp_path / "registry.db"), migrate=True)
    with registry._database.reading() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    registry.close()
    assert pragmas == ["wal", 2, 1]


def test_before_the_master_made_it_there_is_no_registry(url: str) -> None:
    with pytest.raises(Unavailable) as caught:
        Registry.open(url, migrate=False)
    assert caught.value.reason is Reason.REGISTRY_UNAVAILABLE
    assert mentions(caught.value.message, "no registry")
    assert mentions(caught.value.hint, "master")


def test_without_leave_to_create_no_file_is_made(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        Registry.open(sqlite_url(tmp_path / "registry.db"), migrate=True, create=False)
    assert not (tmp_path / "registry.db").exists()


@pytest.mark.parametrize("migrate", [True, False])
def test_a_newer_schema_is_refused(registry: Registry, url: str, migrate: bool) -> None:
    execute(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(FailedPrecondition) as caught:
        Registry.open(url, migrate=migrate)
    assert mentions(caught.value.message, 9999, "newer")
    assert caught.value.hint


@pytest.mark.parametrize("migrate", [True, False])
def test_a_database_of_another_program_is_refused_and_untouched(url: str, migrate: bool) -> None:
    if url.startswith("sqlite"):
        sqlite3.connect(url.removeprefix("sqlite:///")).close()
        Path(url.removeprefix("sqlite:///")).touch()
    execute(url, "CREATE TABLE invoices (id INTEGER)")
    with pytest.raises(FailedPrecondition, match="invoices"):
        Registry.open(url, migrate=migrate)


@pytest.mark.parametrize("migrate", [True, False])
def test_a_file_that_is_no_database_is_refused_and_untouched(tmp_path: Path, migrate: bool) -> None:
    file = tmp_path / "registry.db"
    file.write_bytes(b"[master]\n" * 1_000)
    with pytest.raises(RegistryDamaged) as caught:
        Registry.open(sqlite_url(file), migrate=migrate)
    assert mentions(caught.value.message, file, "not a database")
    assert "--rebuild" in caught.value.hint
    assert file.read_bytes() == b"[master]\n" * 1_000


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GridError) as caught:
        Registry.open(sqlite_url(tmp_path), migrate=True)
    assert str(tmp_path) in caught.value.message


def test_a_place_where_nothing_can_be_written_is_refused(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.touch()
    with pytest.raises(Unavailable) as caught:
        Registry.open(sqlite_url(blocker / "registry.db"), migrate=True)
    assert str(blocker) in caught.value.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "registry.db").touch(mode=0o400)
    with pytest.raises(Unavailable, match="read-only"):
        Registry.open(sqlite_url(tmp_path / "registry.db"), migrate=True)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("registry.db", "URL"),
        ("", "URL"),
        ("mysql://user:secret@host/grid", "mysql"),
        ("sqlite://", "file"),
        ("sqlite:///:memory:", "file"),
    ],
)
def test_a_url_that_names_no_registry_is_refused_without_its_password(url: str, said: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Registry.open(url, migrate=True)
    assert mentions(caught.value.message, said)
    assert "sqlite:////path/registry.db" in caught.value.hint
    assert "secret" not in str(caught.value)


def test_a_database_server_that_is_not_there_is_named_without_its_password() -> None:
    pytest.importorskip("psycopg")
    url = f"postgresql://grid:secret@127.0.0.1:{free_port()}/grid"
    with pytest.raises(Unavailable, match=registry_errors.UNREACHABLE) as caught:
        Registry.open(url, migrate=True)
    assert "secret" not in str(caught.value)


def execute(url: str, statement: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()
