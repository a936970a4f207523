"""``sutra-grid-master`` as a process."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.harness.daemons import Daemon, run_program, serves_grpc, write_config
from support.harness.ports import free_port
from support.texts import mentions

pytestmark = pytest.mark.e2e

PROGRAM = "sutra-grid-master"


@pytest.fixture
def address() -> str:
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def config(tmp_path: Path, address: str) -> Path:
    return write_config(
        tmp_path / "master.toml",
        {"master": {"listen": address, "registry_url": f"sqlite:///{tmp_path / 'registry.db'}"}},
    )


@pytest.fixture
def master(config: Path, address: str) -> Iterator[Daemon]:
    daemon = Daemon("master", PROGRAM, config, ready=lambda: serves_grpc(address, ["", "grid.GridMaster"]))
    daemon.start()
    daemon.wait_ready()
    yield daemon
    daemon.kill()


def test_it_serves_says_so_and_ends_by_sigterm_with_0(master: Daemon, address: str) -> None:
    assert f'INFO master.daemon "ready" address={address}' in master.log_text()
    assert master.stop() == 0
    assert "Traceback" not in master.log_text()


def test_a_second_master_on_the_same_registry_is_refused_by_name(master: Daemon, config: Path) -> None:
    second = run_program(PROGRAM, "--config", str(config), "--listen", f"127.0.0.1:{free_port()}")
    assert second.exit_code == 1
    assert mentions(second.stderr, master.pid, "registry.db")
    assert "Traceback" not in second.stderr


def test_a_taken_port_is_named_with_its_holder(master: Daemon, config: Path, tmp_path: Path, address: str) -> None:
    other = f"sqlite:///{tmp_path / 'other.db'}"
    second = run_program(PROGRAM, "--config", str(config), "--registry-url", other)
    assert second.exit_code == 1
    assert mentions(second.stderr, master.pid, address)
    assert "Traceback" not in second.stderr


def test_a_file_that_is_no_registry_is_refused_with_the_way_out(config: Path, tmp_path: Path) -> None:
    (tmp_path / "registry.db").write_text("these are my holiday notes, and not a database at all\n" * 100)
    ended = run_program(PROGRAM, "--config", str(config))
    assert ended.exit_code == 1
    assert "registry.db" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_registry_of_a_newer_version_is_refused(config: Path, tmp_path: Path, master: Daemon) -> None:
    master.stop()
    with sqlite3.connect(tmp_path / "registry.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'of-the-future'")
    connection.close()
    ended = run_program(PROGRAM, "--config", str(config))
    assert ended.exit_code == 1
    assert mentions(ended.stderr, "of-the-future")
    assert "Traceback" not in ended.stderr


def test_a_wrong_configuration_ends_with_2_and_one_message(tmp_path: Path) -> None:
    config = write_config(tmp_path / "master.toml", {"master": {"lissen": "127.0.0.1:7000"}})
    for arguments in (["--config", str(config)], ["--config", str(config), "--check-config"]):
        ended = run_program(PROGRAM, *arguments)
        assert ended.exit_code == 2
        assert mentions(ended.stderr, "master.lissen", "listen")
        assert "Traceback" not in ended.stderr


def test_the_flags_answer(config: Path) -> None:
    assert run_program(PROGRAM, "--config", str(config), "--check-config").exit_code == 0
    assert "sutra-grid-master" in run_program(PROGRAM, "--version").stdout
    assert "--registry-url" in run_program(PROGRAM, "--help").stdout
