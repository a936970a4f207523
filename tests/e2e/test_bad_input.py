"""Mistakes of operators: one message that names the mistake, the right exit code, and no traceback."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import toml
from support.harness.daemons import Outcome, run_program, script
from support.harness.ports import free_port

MASTER = "sutra-grid-master"
AGENT = "sutra-grid-agent"
ADMIN = "sutra-grid-admin"
STORAGE = "sutra-storage-server"

MESSAGE_LINES = 8


def assert_refused(outcome: Outcome, exit_code: int, *words: str) -> None:
    """One message without a traceback, with all of the words."""
    assert outcome.exit_code == exit_code, outcome
    assert "Traceback" not in outcome.stderr, outcome
    for word in words:
        assert word in outcome.stderr, outcome
    said = [line for line in outcome.stderr.splitlines() if " INFO " not in line]
    assert 0 < len(said) <= MESSAGE_LINES, outcome


def right_config(program: str, root: Path) -> dict[str, dict[str, object]]:
    registry_url = f"sqlite:///{root / 'registry.db'}"
    configs: dict[str, dict[str, dict[str, object]]] = {
        MASTER: {"master": {"listen": f"127.0.0.1:{free_port()}", "registry_url": registry_url}},
        ADMIN: {
            "admin": {
                "listen": f"127.0.0.1:{free_port()}",
                "registry_url": registry_url,
                "master": f"127.0.0.1:{free_port()}",
            }
        },
        AGENT: {
            "agent": {
                "agent_id": "agent-1",
                "master_host": f"127.0.0.1:{free_port()}",
                "platform": "desktop",
                "max_storage_nodes": 3,
                "listen": f"127.0.0.1:{free_port()}",
                "state_path": str(root / "state"),
            },
            "storage": {
                "binary_path": str(script("sutra-storage-server")),
                "data_path": str(root / "data"),
                "default_memory_mb": 128,
                "default_port_range": "20051-20060",
            },
            "monitoring": {
                "heartbeat_interval_secs": 5,
                "health_check_interval_secs": 10,
                "restart_failed_nodes": True,
            },
        },
    }
    return configs[program]


def start(program: str, root: Path, config: dict[str, dict[str, object]], **environ: str) -> Outcome:
    """Start the daemon with the configuration; for starts that end by themselves."""
    path = root / "daemon.toml"
    path.write_text(toml.dumps(config))
    return run_program(program, "--config", str(path), environ=environ)


DAEMONS = pytest.mark.parametrize(
    ("program", "section", "key", "misspelt"),
    [
        (MASTER, "master", "listen", "lisen"),
        (AGENT, "agent", "master_host", "master_hots"),
        (ADMIN, "admin", "registry_url", "registry_urll"),
    ],
)


@DAEMONS
def test_a_misspelt_key_is_named_with_its_line_and_the_key_that_was_meant(
    tmp_path: Path, program: str, section: str, key: str, misspelt: str
) -> None:
    config = right_config(program, tmp_path)
    config[section][misspelt] = config[section].pop(key)

    outcome = start(program, tmp_path, config)

    line = next(n for n, text in enumerate((tmp_path / "daemon.toml").read_text().splitlines(), 1) if misspelt in text)
    assert_refused(outcome, 2, "daemon.toml", misspelt, key)
    assert f"{line}" in outcome.stderr


@DAEMONS
def test_a_value_of_the_wrong_type_is_named_with_what_is_allowed(
    tmp_path: Path, program: str, section: str, key: str, misspelt: str
) -> None:
    config = right_config(program, tmp_path)
    config[section][key] = [1, 2]

    assert_refused(start(program, tmp_path, config), 2, "daemon.toml", key)


@DAEMONS
def test_an_unknown_section_a_broken_file_and_a_missing_file_are_refused(
    tmp_path: Path, program: str, section: str, key: str, misspelt: str
) -> None:
    config = right_config(program, tmp_path)
    broken, missing = tmp_path / "broken.toml", tmp_path / "missing.toml"
    broken.write_text(f"[{section}\n{key} = 1\n")

    assert_refused(start(program, tmp_path, {**config, "surprise": {"a": 1}}), 2, "surprise")
    assert_refused(run_program(program, "--config", str(broken)), 2, "broken.toml", "1")
    assert_refused(run_program(program, "--config", str(missing)), 2, "missing.toml")
    assert_refused(run_program(program, "--config", str(tmp_path)), 2, str(tmp_path))


@DAEMONS
def test_a_misspelt_variable_of_the_environment_is_refused(
    tmp_path: Path, program: str, section: str, key: str, misspelt: str
) -> None:
    variable = f"SUTRA_GRID_{section.upper()}__{misspelt.upper()}"

    outcome = start(program, tmp_path, right_config(program, tmp_path), **{variable: "x"})

    assert_refused(outcome, 2, variable)


@DAEMONS
def test_a_right_configuration_is_checked_without_a_start(
    tmp_path: Path, program: str, section: str, key: str, misspelt: str
) -> None:
    path = tmp_path / "daemon.toml"
    path.write_text(toml.dumps(right_config(program, tmp_path)))

    outcome = run_program(program, "--config", str(path), "--check-config")

    assert (outcome.exit_code, outcome.stderr) == (0, ""), outcome
    assert [found.name for found in tmp_path.iterdir()] == ["daemon.toml"]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


@DAEMONS
def test_a_taken_port_is_named_with_who_holds_it(
    tmp_path: Path, taken_port: int, program: str, section: str, key: str, misspelt: str
) -> None:
    config = right_config(program, tmp_path)
    config[section]["listen"] = f"127.0.0.1:{taken_port}"
    if program == ADMIN:
        make_registry(tmp_path)

    assert_refused(start(program, tmp_path, config), 1, str(taken_port), str(os.getpid()))


def test_a_storage_server_refuses_a_taken_port(tmp_path: Path, taken_port: int) -> None:
    outcome = storage(tmp_path / "store", port=taken_port)

    assert_refused(outcome, 1, str(taken_port), str(os.getpid()))


def test_a_storage_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a directory")

    assert_refused(storage(tmp_path / "store"), 1, str(tmp_path / "store"))


def test_a_storage_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")

    assert_refused(storage(tmp_path / "file" / "store"), 1, str(tmp_path / "file"))


@pytest.mark.parametrize("key", ["data_path", "state_path"])
def test_an_agent_whose_directory_cannot_be_written_is_refused(tmp_path: Path, key: str) -> None:
    # A file in the place of a directory: permissions would not hold back the root user.
    config = right_config(AGENT, tmp_path)
    section = "storage" if key == "data_path" else "agent"
    config[section][key] = str(tmp_path / "file" / "below")
    (tmp_path / "file").write_text("not a directory")

    assert_refused(start(AGENT, tmp_path, config), 1, str(tmp_path / "file"))


def make_registry(root: Path) -> Path:
    from sutra_grid.registry import Registry

    path = root / "registry.db"
    Registry.open(f"sqlite:///{path}", migrate=True).close()
    return path


@pytest.mark.parametrize("program", [MASTER, ADMIN])
def test_a_registry_of_a_newer_version_is_refused_and_not_changed(tmp_path: Path, program: str) -> None:
    path = make_registry(tmp_path)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999_from_the_future'")

    assert_refused(start(program, tmp_path, right_config(program, tmp_path)), 1, "registry", "newer")

    with sqlite3.connect(path) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999_from_the_future",)


def test_a_registry_that_is_no_database_is_refused_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    path.write_text("these are my holiday notes, not a database\n" * 100)

    assert_refused(start(MASTER, tmp_path, right_config(MASTER, tmp_path)), 1, str(path))

    assert path.read_text().startswith("these are my holiday notes")


def test_the_command_line_tells_usage_errors_and_a_missing_master_apart() -> None:
    port = free_port()

    unknown = run_program("sutra-grid-cli", "nodse", "list")
    silent = run_program("sutra-grid-cli", "--master", f"127.0.0.1:{port}", "--timeout", "2", "nodes", "list")

    assert_refused(unknown, 2, "nodse", "nodes")
    assert_refused(silent, 4, str(port))


def storage(path: Path, port: int = 0) -> Outcome:
    arguments = {"--port": str(port or free_port()), "--storage-path": str(path), "--node-id": "node-00000001"}
    return run_program(STORAGE, *[word for pair in arguments.items() for word in pair])
